// ppoll, pselect and epoll_pwait: their mask is in force while they wait, what came is handled, EINTR in spite of SA_RESTART.
#include "check.h"

static volatile int count;
static void handler(int sig, siginfo_t *i, void *context) {
    (void)i, (void)context;
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    say("  %s, HUP blocked %d\n", signal_name(sig), sigismember(&now, SIGHUP));
    count++;
}

int main(void) {
    handle_with(SIGUSR1, handler, SA_RESTART);
    handle_with(SIGUSR2, handler, SA_RESTART);
    block(SIGUSR1, SIGUSR2);
    sigset_t wait = set_of(SIGUSR2, SIGHUP);
    struct timespec long_time = {20, 0}, no_time = {0, 0};
    int p[2];
    MUST(pipe(p));
    struct pollfd f = {.fd = p[0], .events = POLLIN};
    int e = MUST(epoll_create1(0));
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 0x1122334455667788}, got[3];
    MUST(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev));
    fd_set set;
    FD_ZERO(&set);
    FD_SET(p[0], &set);
    raise(SIGUSR1);
    VALUE(ppoll(&f, 1, &long_time, &wait));
    raise(SIGUSR1);
    VALUE(pselect(p[0] + 1, &set, NULL, NULL, &long_time, &wait));
    raise(SIGUSR1);
    VALUE(epoll_pwait(e, got, 3, 20000, &wait));
    pid_t me = getpid();
    for (int n = 0; n < 3; n++) {
        pid_t helper = CHILD(until_asleep(me); kill(me, SIGUSR2); usleep(2000); until_asleep(me); kill(me, SIGUSR1));
        FD_SET(p[0], &set);
        if (n == 0) VALUE(ppoll(&f, 1, NULL, &wait));
        if (n == 1) VALUE(pselect(p[0] + 1, &set, NULL, NULL, NULL, &wait));
        if (n == 2) VALUE(epoll_pwait(e, got, 3, -1, &wait));
        reap("helper", helper);
        struct timespec zero = {0, 0};
        sigset_t s = set_of(SIGUSR2, 0);
        siginfo_t i;
        VALUE(sigtimedwait(&s, &i, &zero));
    }
    // What is ready wins over what is pending.
    write(p[1], "x", 1);
    raise(SIGUSR1);
    FD_SET(p[0], &set);
    VALUE(ppoll(&f, 1, &no_time, &wait));
    VALUE(pselect(p[0] + 1, &set, NULL, NULL, &no_time, &wait));
    VALUE(epoll_pwait(e, got, 3, 0, &wait));
    say("data %#lx, handled %d\n", got[0].data.u64, count);
    VALUE(syscall(SYS_ppoll, &f, 1, &no_time, &wait, 4));
    VALUE(syscall(SYS_epoll_pwait, e, got, 3, 0, &wait, 4));
    VALUE(syscall(SYS_ppoll, &f, 1, &no_time, 8, 8));
    VALUE(syscall(SYS_ppoll, 8, 1, &no_time, NULL, 8));
}
