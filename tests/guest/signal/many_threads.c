// Signals to many threads at once, each with a mask and a count of its own; none is lost.
#include "check.h"
static _Thread_local volatile int mine;
static _Atomic int total;
static void handler(int sig, siginfo_t *i, void *c) { (void)sig, (void)i, (void)c; mine++; total++; }
static _Atomic int stop;
static void *thread(void *x) {
    while (!stop) if ((long)x & 1) sched_yield();
    return (void *)(long)mine;
}
int main(void) {
    handle_with(SIGRTMIN, handler, SA_RESTART);
    pthread_t t[6];
    for (long n = 0; n < 6; n++) pthread_create(&t[n], NULL, thread, (void *)n);
    for (int r = 0; r < 40; r++) for (int n = 0; n < 6; n++) { int e; while ((e = pthread_kill(t[n], SIGRTMIN)) == EAGAIN) sched_yield(); if (e) give_up("pthread_kill", __LINE__); }
    while (total < 240) usleep(500);
    stop = 1;
    long sum = 0;
    for (int n = 0; n < 6; n++) { void *v; pthread_join(t[n], &v); say("%ld\n", (long)v); sum += (long)v; }
    say("sum %ld\n", sum);
}
