// timer_settime(2): absolute times, re-arming, disarming, old values, intervals; several timers at once.
#include "check.h"
static volatile int count[3];
static void handler(int sig, siginfo_t *i, void *c) { (void)sig, (void)c; count[i->si_value.sival_int]++; }
int main(void) {
    handle_with(SIGUSR1, handler, SA_RESTART);
    timer_t t[3];
    for (int n = 0; n < 3; n++) {
        struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = n};
        MUST(timer_create(CLOCK_MONOTONIC, &e, &t[n]));
    }
    struct itimerspec s = {}, old;
    clock_gettime(CLOCK_MONOTONIC, &s.it_value);
    VALUE(timer_settime(t[0], TIMER_ABSTIME, &s, NULL));
    while (!count[0]) usleep(200);
    s = (struct itimerspec){.it_value = {50, 0}, .it_interval = {7, 5}};
    VALUE(timer_settime(t[1], 0, &s, NULL));
    s = (struct itimerspec){};
    VALUE(timer_settime(t[1], 0, &s, &old));
    say("old about 50 %d every %ld %ld\n", old.it_value.tv_sec == 49 || old.it_value.tv_sec == 50, old.it_interval.tv_sec, old.it_interval.tv_nsec);
    VALUE(timer_gettime(t[1], &old));
    say("off %ld\n", old.it_value.tv_sec);
    s.it_value.tv_nsec = 1000000000;
    VALUE(timer_settime(t[2], 0, &s, NULL));
    s = (struct itimerspec){{0, 2000000}, {0, 2000000}};
    VALUE(timer_settime(t[2], 0, &s, NULL));
    while (count[2] < 5) usleep(500);
    VALUE(timer_delete(t[2]));
    int was = count[2];
    usleep(10000);
    say("stopped %d, counts %d %d\n", count[2] - was <= 1, count[0], count[1]);
}
