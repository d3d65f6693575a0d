// epoll_pwait2(2) and epoll_pwait(2): the mask is in force while waiting, timeouts, sizes, errors.
#include "check.h"

static void handler(int sig, siginfo_t *i, void *context) {
    sigset_t now;
    (void)i;
    sigprocmask(0, NULL, &now);
    (void)context;
    say("  %s, itself blocked %d, SIGUSR2 blocked %d\n", signal_name(sig), sigismember(&now, sig), sigismember(&now, SIGUSR2));
}

int main(void) {
    int e = MUST(epoll_create1(0)), p[2];
    MUST(pipe(p));
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 0x1122334455667788}, got[2];
    MUST(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev));
    struct timespec none = {0, 0}, bad = {0, 1000000000}, negative = {-1, 0}, soon = {0, 20000000};
    VALUE(syscall(SYS_epoll_pwait2, e, got, 2, &none, NULL, 8));
    VALUE(syscall(SYS_epoll_pwait2, e, got, 2, &bad, NULL, 8));
    VALUE(syscall(SYS_epoll_pwait2, e, got, 2, &negative, NULL, 8));
    VALUE(syscall(SYS_epoll_pwait2, e, got, 0, &none, NULL, 8));
    VALUE(syscall(SYS_epoll_pwait2, e, got, 2, 8, NULL, 8));
    VALUE(syscall(SYS_epoll_pwait2, e, got, 2, &none, &none, 4));
    VALUE(syscall(SYS_epoll_pwait2, p[0], got, 2, &none, NULL, 8));
    long from = now_ms();
    VALUE(syscall(SYS_epoll_pwait2, e, got, 2, &soon, NULL, 8));
    say("slept %d\n", now_ms() - from >= 20);
    handle_with(SIGUSR1, handler, 0);
    block(SIGUSR1, 0);
    kill(getpid(), SIGUSR1);
    sigset_t open = set_of(SIGUSR2, 0);
    VALUE(syscall(SYS_epoll_pwait2, e, got, 2, NULL, &open, 8));
    kill(getpid(), SIGUSR1);
    VALUE(epoll_pwait(e, got, 2, -1, &open));
    MUST(write(p[1], "x", 1));
    // What is ready comes before a signal that is pending.
    kill(getpid(), SIGUSR1);
    VALUE(syscall(SYS_epoll_pwait2, e, got, 2, NULL, &open, 8));
    sigset_t pending;
    sigpending(&pending);
    say("pending %d\n", sigismember(&pending, SIGUSR1));
    VALUE(syscall(SYS_epoll_pwait2, e, got, 2, NULL, NULL, 8));
    say("%#x %#llx\n", got[0].events, (unsigned long long)got[0].data.u64);
    VALUE(syscall(SYS_epoll_pwait2, e, 8, 2, NULL, NULL, 8));
}
