// eventfd and timerfd: counters, semaphores, expirations, settings, errors.
#include "check.h"
int main(void) {
    uint64_t v = 5;
    int e = eventfd(3, EFD_NONBLOCK);
    VALUE(read(e, &v, 8));
    VALUE(v);
    VALUE(read(e, &v, 8));
    v = -2;
    VALUE(write(e, &v, 8));
    VALUE(write(e, &v, 8));
    v = -1;
    VALUE(write(e, &v, 8));
    VALUE(write(e, &v, 4));
    VALUE(read(e, &v, 4));
    e = eventfd(3, EFD_NONBLOCK | EFD_SEMAPHORE);
    VALUE(read(e, &v, 8));
    VALUE(v);
    VALUE(eventfd(0, 77));
    int t = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    VALUE(read(t, &v, 8));
    struct itimerspec s = {.it_value = {0, 1}, .it_interval = {0, 1000000}}, old;
    VALUE(timerfd_settime(t, 0, &s, NULL));
    pause_ms(10);
    VALUE(read(t, &v, 8));
    say("several %d\n", v >= 5);
    s = (struct itimerspec){.it_value = {100, 0}};
    VALUE(timerfd_settime(t, 0, &s, &old));
    say("every %ld\n", old.it_interval.tv_nsec);
    VALUE(timerfd_gettime(t, &s));
    say("about 100: %d every %ld\n", s.it_value.tv_sec == 99 || s.it_value.tv_sec == 100, s.it_interval.tv_sec);
    clock_gettime(CLOCK_MONOTONIC, &s.it_value);
    VALUE(timerfd_settime(t, TFD_TIMER_ABSTIME, &s, NULL));
    struct pollfd f = {t, POLLIN, 0};
    VALUE(poll(&f, 1, 1000));
    VALUE(read(t, &v, 3));
    s.it_value.tv_nsec = 2000000000;
    VALUE(timerfd_settime(t, 0, &s, NULL));
    VALUE(timerfd_settime(t, 77, &s, NULL));
    VALUE(timerfd_settime(1, 0, &old, NULL));
    VALUE(timerfd_create(77, 0));
    VALUE(timerfd_create(CLOCK_REALTIME, 77));
    VALUE(timerfd_gettime(t, (void *)8));
}
