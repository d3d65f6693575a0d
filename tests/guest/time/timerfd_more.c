// timerfd: intervals, absolute times, reading what is left, disarming, TFD_TIMER_CANCEL_ON_SET, wrong flags, TFD_IOC_SET_TICKS.
#include "check.h"

int main(void) {
    uint64_t n = 0;
    struct itimerspec s, old;
    int t = MUST(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)), r = MUST(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
    VALUE(read(t, &n, 8));
    s = (struct itimerspec){.it_value = {100, 0}, .it_interval = {7, 5}};
    VALUE(timerfd_settime(t, 0, &s, NULL));
    VALUE(timerfd_gettime(t, &old));
    say("left %d interval %ld %ld\n", old.it_value.tv_sec >= 90, (long)old.it_interval.tv_sec, old.it_interval.tv_nsec);
    s = (struct itimerspec){.it_value = {1, 0}};
    VALUE(timerfd_settime(t, TFD_TIMER_ABSTIME, &s, &old));
    say("old %d\n", old.it_value.tv_sec >= 90);
    struct pollfd f = {t, POLLIN, 0};
    VALUE(poll(&f, 1, 5000));
    VALUE(read(t, &n, 4));
    VALUE(read(t, &n, 8));
    VALUE(n);
    VALUE(read(t, &n, 8));
    VALUE(timerfd_gettime(t, &old));
    say("%ld %ld\n", (long)old.it_value.tv_sec, old.it_value.tv_nsec);
    s = (struct itimerspec){.it_value = {0, 1}, .it_interval = {0, 2000000}};
    MUST(timerfd_settime(t, 0, &s, NULL));
    pause_ms(15);
    VALUE(read(t, &n, 8));
    say("several %d\n", n >= 4);
    s = (struct itimerspec){0};
    VALUE(timerfd_settime(t, 0, &s, NULL));
    VALUE(read(t, &n, 8));
    VALUE(timerfd_settime(r, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &(struct itimerspec){.it_value = {1L << 40, 0}}, NULL));
    VALUE(read(r, &n, 8));
    VALUE(timerfd_settime(r, 77, &s, NULL));
    VALUE(timerfd_settime(r, 0, &(struct itimerspec){.it_value = {0, 1000000000}}, NULL));
    VALUE(timerfd_settime(1, 0, &s, NULL));
    VALUE(timerfd_settime(r, 0, (void *)8, NULL));
    VALUE(timerfd_gettime(r, (void *)8));
    VALUE(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
    VALUE(timerfd_create(CLOCK_REALTIME, 1));
    VALUE(write(r, &n, 8));
    VALUE(lseek(r, 0, SEEK_CUR));
}
