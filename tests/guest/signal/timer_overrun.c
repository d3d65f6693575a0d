// A timer whose signal is blocked counts its overruns (timer_getoverrun(2)).
#include "check.h"

static timer_t timer;
static void handler(int sig, siginfo_t *i, void *context) {
    (void)context;
    struct itimerspec off = {}, s;
    MUST(timer_settime(timer, 0, &off, &s));
    say("was every %ld\n", s.it_interval.tv_nsec);
    say("%s overrun in siginfo %s\n", signal_name(sig), i->si_overrun >= 5 ? "at least 5" : "too few");
}

int main(void) {
    handle_with(SIGRTMIN, handler, 0);
    block(SIGRTMIN, 0);
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    MUST(timer_create(CLOCK_MONOTONIC, &e, &timer));
    struct itimerspec s = {.it_value = {0, 1000000}, .it_interval = {0, 1000000}};
    MUST(timer_settime(timer, 0, &s, NULL));
    pause_ms(30);
    unblock(SIGRTMIN, 0);
}
