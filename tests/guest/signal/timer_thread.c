// SIGEV_THREAD_ID: the timer's signal goes to the named thread; SIGEV_NONE sends none.
#include "check.h"

static pid_t wanted;
static volatile int count;
static void handler(int sig, siginfo_t *i, void *context) {
    (void)context;
    say("%s on %s thread, value %d\n", signal_name(sig), gettid() == wanted ? "the wanted" : "another", i->si_value.sival_int);
    count++;
}

static void *thread(void *gate) {
    wanted = gettid();
    gate_open(*(struct gate *)gate);
    while (count < 3) usleep(1000);
    return NULL;
}

int main(void) {
    handle_with(SIGRTMIN + 1, handler, SA_RESTART);
    struct gate g = gate_make();
    pthread_t t;
    pthread_create(&t, NULL, thread, &g);
    gate_wait(g);
    for (int n = 0; n < 3; n++) {
        timer_t timer;
        struct sigevent e = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 1, .sigev_value.sival_int = n};
        e._sigev_un._tid = wanted;
        MUST(timer_create(CLOCK_MONOTONIC, &e, &timer));
        struct itimerspec s = {.it_value = {0, 100000}};
        MUST(timer_settime(timer, 0, &s, NULL));
        while (count <= n) usleep(500);
        timer_delete(timer);
    }
    pthread_join(t, NULL);
    timer_t timer;
    struct sigevent e = {.sigev_notify = SIGEV_NONE};
    MUST(timer_create(CLOCK_REALTIME, &e, &timer));
    struct itimerspec s = {.it_value = {100, 0}, .it_interval = {5, 0}};
    MUST(timer_settime(timer, 0, &s, NULL));
    MUST(timer_gettime(timer, &s));
    say("none: %ld every %ld\n", (s.it_value.tv_sec + 1) / 10, s.it_interval.tv_sec);
    e.sigev_notify = 77;
    VALUE(timer_create(CLOCK_REALTIME, &e, &timer));
    e.sigev_notify = SIGEV_SIGNAL;
    e.sigev_signo = 99;
    VALUE(timer_create(CLOCK_REALTIME, &e, &timer));
    VALUE(timer_create(99, NULL, &timer));
}
