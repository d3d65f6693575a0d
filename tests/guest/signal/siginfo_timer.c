// The siginfo of timers: setitimer (SI_KERNEL), alarm, timer_create (SI_TIMER with its value and id).
#include "check.h"

static volatile int count;
static timer_t timer;
static void handler(int sig, siginfo_t *i, void *context) {
    (void)context;
    say("%s code %d", signal_name(sig), i->si_code);
    if (i->si_code == SI_TIMER) say(" value %d overrun %d", i->si_value.sival_int, i->si_overrun);
    say("\n");
    count++;
}
static void wait_for(int n) { while (count < n) usleep(1000); }

int main(void) {
    handle_with(SIGALRM, handler, 0);
    handle_with(SIGVTALRM, handler, 0);
    handle_with(SIGPROF, handler, 0);
    handle_with(SIGUSR1, handler, 0);
    struct itimerval t = {.it_value = {0, 1000}};
    MUST(setitimer(ITIMER_REAL, &t, NULL));
    wait_for(1);
    MUST(setitimer(ITIMER_VIRTUAL, &t, NULL));
    while (count < 2) {}
    MUST(setitimer(ITIMER_PROF, &t, NULL));
    while (count < 3) {}
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77};
    MUST(timer_create(CLOCK_MONOTONIC, &e, &timer));
    struct itimerspec s = {.it_value = {0, 1000000}};
    MUST(timer_settime(timer, 0, &s, NULL));
    wait_for(4);
    VALUE(timer_getoverrun(timer));
    VALUE(timer_gettime(timer, &s));
    say("left %ld %ld every %ld %ld\n", s.it_value.tv_sec, s.it_value.tv_nsec, s.it_interval.tv_sec, s.it_interval.tv_nsec);
    VALUE(timer_delete(timer));
    VALUE(syscall(SYS_timer_delete, 12345));
}
