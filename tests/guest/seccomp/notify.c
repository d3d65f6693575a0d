// seccomp_unotify(2): a supervisor answers calls of another process: values, errors, descriptors, or lets them be made.
#include "check.h"
#include "filter.h"

static int listener;
static struct seccomp_notif n;
static struct seccomp_notif_resp r;

static void receive(void) {
    memset(&n, 0, sizeof n);
    MUST(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n));
}

static void answer(long val, int error, unsigned flags) {
    r = (struct seccomp_notif_resp){.id = n.id, .val = val, .error = error, .flags = flags};
    errno = 0;
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r)) say("send: %s\n", error_name(errno));
}

/* Hands a descriptor to the other end of a socket, and takes one. */
static void hand_over(int socket, int fd) {
    char c = 0, control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec v = {&c, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET, h->cmsg_type = SCM_RIGHTS, h->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(h), &fd, sizeof fd);
    MUST(sendmsg(socket, &m, 0));
}
static int take_over(int socket) {
    char c, control[CMSG_SPACE(sizeof(int))];
    struct iovec v = {&c, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    MUST(recvmsg(socket, &m, 0));
    int fd;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    return fd;
}

static long asked(long a, long b) { errno = 0; return syscall(SYS_umask, a, b); }
static void handler(int sig, siginfo_t *i, void *c) { (void)i; (void)c; say("handler %s\n", signal_name(sig)); }

static void child(int socket, char *self) {
    no_new_privs();
    struct sock_filter code[] = {LOAD(NR), ON(SYS_umask, SECCOMP_RET_USER_NOTIF | 7), RETURN(SECCOMP_RET_ALLOW)};
    struct sock_fprog p = {4, code};
    int fd = MUST(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &p));
    say("close-on-exec %d\n", fcntl(fd, F_GETFD));
    VALUE(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &p));
    hand_over(socket, fd);
    close(fd);
    VALUE(asked(0x123456789abc, -2));
    VALUE(asked(0, 0));
    VALUE(asked(022, 0));
    VALUE(asked(077, 0));
    // A descriptor, by any number and by this one.
    long added = asked(1, 0);
    struct stat st;
    say("added %s\n", fstat(added, &st) ? error_name(errno) : S_ISFIFO(st.st_mode) ? "a pipe" : "?");
    say("close-on-exec %d\n", fcntl(added, F_GETFD));
    VALUE(asked(2, 0));
    say("600: %s, close-on-exec %d\n", fstat(600, &st) ? error_name(errno) : S_ISFIFO(st.st_mode) ? "a pipe" : "?", fcntl(600, F_GETFD));
    // Interrupted, with and without SA_RESTART.
    handle_with(SIGUSR1, handler, 0);
    VALUE(asked(3, 0));
    handle_with(SIGUSR1, handler, SA_RESTART);
    VALUE(asked(4, 0));
    // In another thread, in a child, and in another program.
    reap("fork", CHILD(VALUE(asked(5, 0))));
    execl("/proc/self/exe", self, "program", NULL);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        VALUE(asked(6, 0));
        // Until the listener is closed.
        VALUE(asked(7, 0));
        VALUE(asked(8, 0));
        return 0;
    }
    int pair[2], pipes[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    MUST(pipe(pipes));
    pid_t p = CHILD(child(pair[1], argv[0]));
    listener = take_over(pair[0]);
    close(pair[1]);
    struct pollfd poll_for = {.fd = listener, .events = POLLIN};
    VALUE(poll(&poll_for, 1, -1));
    say("readable %d\n", poll_for.revents & POLLIN);
    n.pid = 1;
    VALUE(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n));
    receive();
    say("call %d of the child %d flags %u arch %#x args %#llx %#llx pointer %d\n", n.data.nr, n.pid == (unsigned)p, n.flags, n.data.arch,
        n.data.args[0], n.data.args[1], n.data.instruction_pointer != 0);
    VALUE(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &n.id));
    uint64_t wrong = n.id + 1;
    VALUE(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &wrong));
    r = (struct seccomp_notif_resp){.id = wrong};
    VALUE(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r));
    r = (struct seccomp_notif_resp){.id = n.id, .flags = 2};
    VALUE(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r));
    r = (struct seccomp_notif_resp){.id = n.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE, .val = 1};
    VALUE(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r));
    VALUE(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, NULL));
    answer(4711, 0, 0);
    receive();
    answer(0, -EXDEV, 0);
    receive();
    answer(0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
    receive();
    answer(0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);

    receive();
    struct seccomp_notif_addfd a = {.id = n.id, .srcfd = 999};
    VALUE(ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &a));
    a = (struct seccomp_notif_addfd){.id = n.id, .srcfd = pipes[0], .newfd = 5};
    VALUE(ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &a));
    a = (struct seccomp_notif_addfd){.id = n.id, .srcfd = pipes[0], .newfd_flags = O_CLOEXEC};
    int added = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &a);
    say("added %d\n", added > 2);
    answer(added, 0, 0);
    receive();
    a = (struct seccomp_notif_addfd){.id = n.id, .srcfd = pipes[0], .newfd = 600, .flags = SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND};
    // The other goes on at once, so what happened here is told later.
    added = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &a);
    int sent = ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &(struct seccomp_notif_resp){.id = n.id}), error = errno;

    // Interrupted while it waits for an answer: gone; made again, if the handler wants that.
    receive();
    say("added %d, then %d %s\n", added, sent, error_name(error));
    kill(p, SIGUSR1);
    while (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &n.id) == 0) usleep(1000);
    int gone = errno;
    r = (struct seccomp_notif_resp){.id = n.id};
    sent = ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r), error = errno;
    receive();
    say("gone: %s, then %d %s\n", error_name(gone), sent, error_name(error));
    say("next %lld\n", n.data.args[0]);
    uint64_t before = n.id;
    kill(p, SIGUSR1);
    receive();
    say("again %lld, another id %d\n", n.data.args[0], before != n.id);
    answer(44, 0, 0);
    receive();
    say("in the fork %d, argument %lld\n", n.pid != (unsigned)p, n.data.args[0]);
    answer(55, 0, 0);
    receive();
    say("in the program %d, argument %lld\n", n.pid == (unsigned)p, n.data.args[0]);
    answer(66, 0, 0);
    // Closed while one waits.
    receive();
    say("%lld\n", n.data.args[0]);
    close(listener);
    reap("child", p);

    // All who could ask have ended.
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    p = CHILD(
        no_new_privs();
        hand_over(pair[1], MUST(INSTALL_WITH(SECCOMP_FILTER_FLAG_NEW_LISTENER, RETURN(SECCOMP_RET_ALLOW)))));
    listener = take_over(pair[0]);
    reap("another", p);
    poll_for = (struct pollfd){.fd = listener, .events = POLLIN};
    VALUE(poll(&poll_for, 1, -1));
    say("hung up %d\n", poll_for.revents & POLLHUP);
    // What only looks like a listener.
    VALUE(ioctl(pair[0], SECCOMP_IOCTL_NOTIF_RECV, &n));
}
