// CPU-time clocks: of the process, of a thread, of another thread and process; sleeping and timers on them.
#include "check.h"

static volatile int stop;
static void *burns(void *x) { while (!stop) {} return x; }
static long ms(clockid_t c) { struct timespec t; MUST(clock_gettime(c, &t)); return t.tv_sec * 1000 + t.tv_nsec / 1000000; }
static atomic_int fired;
static void handler(int sig, siginfo_t *i, void *context) { (void)sig, (void)context; fired += i->si_value.sival_int; }

int main(void) {
    pthread_t t;
    clockid_t c;
    pthread_create(&t, NULL, burns, NULL);
    RETURNS(pthread_getcpuclockid(t, &c));
    while (ms(c) < 30) {}
    say("process %d\n", ms(CLOCK_PROCESS_CPUTIME_ID) >= 30);
    // Sleeps until the other thread has used it up.
    VALUE(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &(struct timespec){0, 20000000}, NULL));
    RETURNS(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &(struct timespec){0, 1}, NULL));
    timer_t id;
    handle_with(SIGUSR1, handler, SA_RESTART);
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 5};
    MUST(timer_create(CLOCK_PROCESS_CPUTIME_ID, &e, &id));
    MUST(timer_settime(id, 0, &(struct itimerspec){.it_value = {0, 10000000}}, NULL));
    while (!fired) usleep(1000);
    say("fired %d\n", fired);
    stop = 1;
    pthread_join(t, NULL);
    VALUE(clock_getcpuclockid(0, &c));
    say("own %d\n", labs(ms(c) - ms(CLOCK_PROCESS_CPUTIME_ID)) < 20);
    pid_t p = CHILD(pause());
    VALUE(clock_getcpuclockid(p, &c));
    say("child's %d\n", ms(c) < 1000);
    kill(p, SIGKILL);
    reap("child", p);
    struct timespec r;
    VALUE(clock_gettime(c, &r));
    VALUE(clock_getcpuclockid(99999999, &c));
    VALUE(clock_getres(CLOCK_PROCESS_CPUTIME_ID, &r));
    say("%ld %ld\n", (long)r.tv_sec, r.tv_nsec);
    VALUE(clock_gettime(99, &r));
    VALUE(clock_getres(CLOCK_REALTIME_COARSE, NULL));
    VALUE(timer_create(99, &e, &id));
}
