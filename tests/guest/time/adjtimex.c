// adjtimex, clock_adjtime, clock_settime, settimeofday: reading is allowed, wrong modes, clocks and times are refused.
#include "check.h"
#include <sys/timex.h>

int main(void) {
    struct timex t = {0}, u = {0};
    VALUE(adjtimex(&t) >= 0);
    say("tick %d precision %d time %d\n", t.tick > 9000 && t.tick < 11000, t.precision > 0, labs(t.time.tv_sec - time(NULL)) < 3);
    VALUE(clock_adjtime(CLOCK_REALTIME, &u) >= 0);
    say("same %d\n", t.freq == u.freq && t.tick == u.tick && t.constant == u.constant && t.tolerance == u.tolerance);
    u.modes = 0;
    VALUE(clock_adjtime(CLOCK_MONOTONIC, &u));
    VALUE(clock_adjtime(99, &u));
    VALUE(adjtimex((void *)8));
    VALUE(syscall(SYS_clock_adjtime, CLOCK_REALTIME, 8));
    VALUE(clock_settime(CLOCK_MONOTONIC, &(struct timespec){1, 1}));
    VALUE(clock_settime(CLOCK_BOOTTIME, &(struct timespec){1, 1}));
    VALUE(clock_settime(CLOCK_REALTIME, &(struct timespec){1, 1000000000}));
    VALUE(clock_settime(CLOCK_REALTIME, &(struct timespec){-1, 0}));
    VALUE(clock_settime(CLOCK_PROCESS_CPUTIME_ID, &(struct timespec){1, 1}));
    VALUE(clock_settime(99, &(struct timespec){1, 1}));
    VALUE(syscall(SYS_clock_settime, CLOCK_REALTIME, 8));
    VALUE(syscall(SYS_settimeofday, &(struct timeval){1, 1000000}, NULL));
    VALUE(syscall(SYS_settimeofday, &(struct timeval){1, -1}, NULL));
    VALUE(syscall(SYS_settimeofday, 8, NULL));
}
