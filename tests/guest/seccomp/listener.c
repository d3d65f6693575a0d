// qemu-user: has another process between a PID namespace and its parent
// seccomp_unotify(2): what a listener is ready for, who calls, ids, and descriptors.
#include "check.h"
#include "filter.h"

static int listener;
static struct seccomp_notif n;

static int install(int nr, unsigned flags) {
    return INSTALL_WITH(SECCOMP_FILTER_FLAG_NEW_LISTENER | flags, LOAD(NR), ON(nr, SECCOMP_RET_USER_NOTIF), RETURN(SECCOMP_RET_ALLOW));
}
static long asked(void) { errno = 0; return syscall(SYS_getppid); }
static void receive(void) {
    memset(&n, 0, sizeof n);
    MUST(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n));
}
static void answer(long val, int error) {
    struct seccomp_notif_resp r = {.id = n.id, .val = val, .error = error};
    MUST(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r));
}
static void say_ready(const char *when) {
    struct pollfd p = {.fd = listener, .events = POLLIN | POLLOUT};
    int r = poll(&p, 1, 0);
    say("%s: poll %d in %d out %d hup %d\n", when, r, !!(p.revents & POLLIN), !!(p.revents & POLLOUT), !!(p.revents & POLLHUP));
}
static void *thread(void *tid) {
    *(_Atomic int *)tid = gettid();
    say("thread: %ld\n", asked());
    return NULL;
}

int main(void) {
    no_new_privs();
    int file = MUST(memfd_create("file", 0));
    listener = MUST(install(SYS_getppid, 0));
    int next = listener + 1;
    say_ready("idle");
    pid_t p = CHILD(say("first: %ld\n", asked()); say("second: %ld\n", asked()); long third = asked(); say("third: %ld, error %d\n", third, errno));
    struct pollfd readable = {.fd = listener, .events = POLLIN | POLLOUT};
    VALUE(poll(&readable, 1, -1));
    say_ready("asked");
    receive();
    say_ready("received");
    uint64_t first = n.id;
    say("of the child %d\n", n.pid == (unsigned)p);

    // The structure may be longer than the kernel knows, if the rest is zero.
    struct { struct seccomp_notif_addfd a; char rest[8]; } big = {.a = {.id = n.id, .srcfd = file}};
    VALUE(ioctl(listener, _IOC(_IOC_READ | _IOC_WRITE, '!', 3, 16), &big));
    big.rest[7] = 1;
    VALUE(ioctl(listener, _IOC(_IOC_READ | _IOC_WRITE, '!', 3, 32), &big));
    big.rest[7] = 0;
    // The lowest numbers that are free.
    VALUE(ioctl(listener, _IOC(_IOC_READ | _IOC_WRITE, '!', 3, 32), &big) - next);
    VALUE(ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &big) - next);
    struct rlimit old, none;
    MUST(prlimit(p, RLIMIT_NOFILE, NULL, &old));
    none = (struct rlimit){0, old.rlim_max};
    MUST(prlimit(p, RLIMIT_NOFILE, &none, NULL));
    VALUE(ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &big));
    big.a.flags = SECCOMP_ADDFD_FLAG_SETFD, big.a.newfd = 100;
    VALUE(ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &big));
    MUST(prlimit(p, RLIMIT_NOFILE, &old, NULL));
    answer(11, 0);
    receive();
    say("next id %d\n", n.id == first + 1);
    answer(22, 0);
    receive();
    // The kernel's own errors mean nothing without a signal.
    answer(0, -512);
    reap("child", p);

    // Another thread, and threads in PID namespaces.
    p = CHILD(_Atomic int tid = 0; pthread_t t; pthread_create(&t, NULL, thread, (void *)&tid); pthread_join(t, NULL); say("main: %ld\n", asked()));
    receive();
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d", p, n.pid);
    say("its thread %d\n", n.pid != (unsigned)p && access(path, F_OK) == 0);
    answer(33, 0);
    receive();
    say("itself %d\n", n.pid == (unsigned)p);
    answer(44, 0);
    reap("threads", p);
    if (unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0) {
        p = CHILD(say("in a namespace: %ld as %d\n", asked(), getpid()));
        receive();
        say("here %d\n", n.pid == (unsigned)p);
        answer(55, 0);
        reap("namespace", p);
    }
}
