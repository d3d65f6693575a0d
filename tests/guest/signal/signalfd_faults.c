// signalfd(2) of the signals that the CPU raises, sent while they are blocked: read, polled, waited for; and what is not read comes.
// qemu-user: keeps SIGSEGV and SIGBUS to itself
#include "check.h"

static void handler(int sig, siginfo_t *i, void *context) { (void)context; say("  %s code %d value %d\n", signal_name(sig), i->si_code, i->si_int); }

static void got(int fd) {
    struct signalfd_siginfo s[8];
    ssize_t n = read(fd, s, sizeof s);
    if (n < 0) { say("read: %s\n", error_name(errno)); return; }
    for (int k = 0; k < n / (int)sizeof s[0]; k++)
        say("%s code %d own %d int %d\n", signal_name(s[k].ssi_signo), s[k].ssi_code, s[k].ssi_pid == (unsigned)getpid(), s[k].ssi_int);
}

static void *send_later(void *thread) {
    until_asleep(getpid());
    pthread_kill(*(pthread_t *)thread, SIGFPE);
    return NULL;
}

int main(void) {
    const int sigs[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < 5; i++) sigaddset(&set, sigs[i]), handle_with(sigs[i], handler, 0);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = MUST(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    struct pollfd p = {.fd = fd, .events = POLLIN};
    VALUE(poll(&p, 1, 0));
    got(fd);
    for (int i = 0; i < 5; i++) {
        raise(sigs[i]);
        VALUE(poll(&p, 1, 0));
        got(fd);
        VALUE(poll(&p, 1, 0));
    }
    for (int i = 4; i >= 0; i--) raise(sigs[i]);
    raise(SIGUSR1);
    got(fd);
    sigqueue(getpid(), SIGSEGV, (union sigval){.sival_int = 42});
    got(fd);
    fd_set r;
    FD_ZERO(&r);
    FD_SET(fd, &r);
    raise(SIGBUS);
    VALUE(select(fd + 1, &r, NULL, NULL, NULL));
    got(fd);
    int e = MUST(epoll_create1(0));
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 77};
    MUST(epoll_ctl(e, EPOLL_CTL_ADD, fd, &ev));
    VALUE(epoll_wait(e, &ev, 1, 0));
    raise(SIGILL);
    VALUE(epoll_wait(e, &ev, 1, -1));
    got(fd);
    // What it does not give stays.
    sigset_t only = set_of(SIGFPE, 0);
    MUST(signalfd(fd, &only, 0));
    raise(SIGSEGV);
    got(fd);
    VALUE(poll(&p, 1, 0));
    sigset_t pending;
    sigpending(&pending);
    say("SEGV pending %d\n", sigismember(&pending, SIGSEGV));
    unblock(SIGSEGV, 0);
    say("unblocked\n");
    // A read that waits.
    fcntl(fd, F_SETFL, 0);
    pthread_t t, self = pthread_self();
    MUST(pthread_create(&t, NULL, send_later, &self));
    got(fd);
    pthread_join(t, NULL);
    // A real fault is not held up.
    handle_with(SIGSEGV, handler, SA_RESETHAND);
    reap("fault", CHILD(char b[8]; p.events = POLLIN; poll(&p, 1, 0); VALUE(read(fd, (void *)8, 0)); (void)b; unblock(SIGBUS, 0); *(volatile int *)0 = 1));
}
