// nanosleep and clock_nanosleep: lengths, absolute times, remainders, errors; alarm and itimers.
#include "check.h"
static void handler(int sig) { (void)sig; }
int main(void) {
    signal(SIGALRM, handler);
    struct timespec t = {0, 20000000}, bad = {0, -1}, r = {77, 77};
    long from = now_ms();
    VALUE(nanosleep(&t, &r));
    say("long enough %d, rest untouched %d\n", now_ms() - from >= 20, r.tv_sec == 77);
    VALUE(nanosleep(&bad, NULL));
    bad = (struct timespec){-1, 0};
    VALUE(nanosleep(&bad, NULL));
    VALUE(syscall(SYS_nanosleep, 8, NULL));
    RETURNS(clock_nanosleep(77, 0, &t, NULL));
    RETURNS(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &t, NULL));
    clock_gettime(CLOCK_REALTIME, &t);
    RETURNS(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL));
    VALUE(alarm(100));
    VALUE(alarm(50));
    struct itimerval v = {{3, 0}, {0, 10000}}, o;
    block(SIGALRM, 0);
    VALUE(setitimer(ITIMER_REAL, &v, &o));
    say("old about 50: %d\n", o.it_value.tv_sec == 49 || o.it_value.tv_sec == 50);
    VALUE(pause_for(SIGALRM));
    unblock(SIGALRM, 0);
    VALUE(getitimer(ITIMER_REAL, &o));
    say("next about 3: %d every %ld\n", o.it_value.tv_sec == 2 || o.it_value.tv_sec == 3, o.it_interval.tv_sec);
    VALUE(alarm(0) >= 2);
    v.it_value.tv_usec = 1000000;
    VALUE(setitimer(ITIMER_REAL, &v, NULL));
    VALUE(setitimer(9, &v, NULL));
    VALUE(getitimer(ITIMER_REAL, (void *)8));
    v = (struct itimerval){{0, 0}, {0, 30000}};
    setitimer(ITIMER_REAL, &v, NULL);
    t = (struct timespec){10, 0};
    VALUE(nanosleep(&t, &r));
    say("rest %s\n", r.tv_sec == 9 ? "9 and something" : "odd");
}
