// SIGEV_NONE timers and what timer_gettime says, TIMER_ABSTIME in the past, timers over fork and exec, wrong ids.
#include "check.h"

int main(int argc, char **argv) {
    struct itimerspec s;
    timer_t id, other;
    if (argc > 1) { VALUE(syscall(SYS_timer_gettime, 0, &s)); return 0; }
    struct sigevent e = {.sigev_notify = SIGEV_NONE};
    VALUE(timer_create(CLOCK_MONOTONIC, &e, &id));
    VALUE(timer_settime(id, 0, &(struct itimerspec){.it_value = {100, 0}}, NULL));
    VALUE(timer_gettime(id, &s));
    say("left %d\n", s.it_value.tv_sec >= 90 && s.it_value.tv_sec <= 100);
    VALUE(timer_settime(id, TIMER_ABSTIME, &(struct itimerspec){.it_value = {1, 0}}, &s));
    say("old %d\n", s.it_value.tv_sec >= 90);
    VALUE(timer_gettime(id, &s));
    say("%ld %ld\n", (long)s.it_value.tv_sec, s.it_value.tv_nsec);
    VALUE(timer_getoverrun(id));
    reap("child", CHILD(VALUE(syscall(SYS_timer_gettime, 0, &s))));
    VALUE(timer_settime(id, 0, &(struct itimerspec){.it_value = {0, -1}}, NULL));
    VALUE(timer_settime(id, 0, (void *)8, NULL));
    VALUE(syscall(SYS_timer_create, CLOCK_MONOTONIC, 8, &id));
    VALUE(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, 8));
    e.sigev_notify = 99;
    VALUE(timer_create(CLOCK_MONOTONIC, &e, &other));
    e.sigev_notify = SIGEV_SIGNAL, e.sigev_signo = 65;
    VALUE(timer_create(CLOCK_MONOTONIC, &e, &other));
    VALUE(timer_delete(id));
    VALUE(syscall(SYS_timer_delete, 12345));
    VALUE(syscall(SYS_timer_getoverrun, 12345));
    execl("/proc/self/exe", argv[0], "x", NULL);
}
