// getrusage, times and clocks of processes and children; getpriority of groups; nice.
#include "check.h"
#include <sys/times.h>
int main(void) {
    struct rusage u;
    VALUE(getrusage(RUSAGE_SELF, &u));
    say("maxrss %d\n", u.ru_maxrss > 100);
    VALUE(getrusage(RUSAGE_CHILDREN, &u));
    VALUE(getrusage(RUSAGE_THREAD, &u));
    VALUE(getrusage(77, &u));
    VALUE(getrusage(RUSAGE_SELF, (void *)8));
    reap("busy", CHILD(clock_t c = clock(); while (clock() - c < 20000) {}));
    VALUE(getrusage(RUSAGE_CHILDREN, &u));
    say("children busy %d\n", u.ru_utime.tv_sec * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_usec >= 15000);
    VALUE(nice(5));
    VALUE(nice(0));
    VALUE(getpriority(PRIO_PGRP, 0) <= 5);
    VALUE(setpriority(PRIO_PROCESS, 0x3ffffff, 1));
    VALUE(setpriority(PRIO_PROCESS, 0, 100));
    VALUE(getpriority(PRIO_PROCESS, 0));
}
