// getrusage(2), times(2), clock(3), /proc/self/stat: user time passes, children count once they are waited for.
#include "check.h"
#include <sys/times.h>

static void burn(long ms) {
    struct timespec t;
    do clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); while (t.tv_sec * 1000 + t.tv_nsec / 1000000 < ms);
}
static long ms(struct timeval t) { return t.tv_sec * 1000 + t.tv_usec / 1000; }
static void *burns(void *x) { burn(60); return x; }

int main(void) {
    struct rusage u;
    VALUE(getrusage(RUSAGE_CHILDREN, &u));
    // Whoever started this program may have had some.
    long children = ms(u.ru_utime);
    burn(50);
    VALUE(getrusage(RUSAGE_SELF, &u));
    say("self %d rss %d faults %d\n", ms(u.ru_utime) + ms(u.ru_stime) >= 40, u.ru_maxrss > 0, u.ru_minflt > 0);
    pid_t p = CHILD(burn(50));
    waitid(P_PID, p, NULL, WEXITED | WNOWAIT);
    getrusage(RUSAGE_CHILDREN, &u);
    say("not yet %ld\n", ms(u.ru_utime) - children);
    struct rusage own;
    VALUE(wait4(p, NULL, 0, &own) == p);
    getrusage(RUSAGE_CHILDREN, &u);
    say("waited for %d, the same %d\n", ms(u.ru_utime) + ms(u.ru_stime) >= 40, ms(own.ru_utime) + ms(own.ru_stime) >= 40);
    pthread_t t;
    struct rusage before, after;
    getrusage(RUSAGE_THREAD, &before);
    pthread_create(&t, NULL, burns, NULL);
    pthread_join(t, NULL);
    getrusage(RUSAGE_THREAD, &after);
    say("a thread alone %d\n", ms(after.ru_utime) - ms(before.ru_utime) < 50);
    struct tms a;
    VALUE(times(&a) != -1);
    say("times %d %d\n", a.tms_utime + a.tms_stime >= 4, a.tms_cutime + a.tms_cstime >= 3);
    VALUE(times(NULL) != -1);
    VALUE(syscall(SYS_times, 8));
    VALUE(getrusage(7, &u));
    VALUE(getrusage(RUSAGE_SELF, (void *)8));
}
