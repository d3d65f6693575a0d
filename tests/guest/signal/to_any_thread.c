// A process-directed signal interrupts a thread that does not block it, even one that computes or sleeps.
#include "check.h"

static volatile int count;
static void handler(int sig, siginfo_t *i, void *context) { (void)sig, (void)i, (void)context; count++; }
static void *computes(void *x) {
    volatile unsigned long n = 0;
    while (count < 10) n++;
    return x;
}
static void *sleeps(void *x) {
    while (count < 20) pause_ms(1000);
    return x;
}

int main(void) {
    handle_with(SIGUSR1, handler, 0);
    pthread_t t;
    pthread_create(&t, NULL, computes, NULL);
    block(SIGUSR1, 0);
    for (int n = 0; n < 10; n++) { MUST(kill(getpid(), SIGUSR1)); while (count == n) usleep(200); }
    pthread_join(t, NULL);
    say("computing: %d\n", count);
    unblock(SIGUSR1, 0);
    pthread_create(&t, NULL, sleeps, NULL);
    block(SIGUSR1, 0);
    for (int n = 10; n < 20; n++) { MUST(pthread_kill(t, SIGUSR1)); while (count == n) usleep(200); }
    MUST(pthread_kill(t, 0));
    pthread_join(t, NULL);
    say("sleeping: %d\n", count);
}
