// sigwait by several threads: each signal wakes one, also real-time ones in order, and none is lost.
#include "check.h"

static sigset_t set;
static atomic_int got[4], sum;

static void *waits(void *x) {
    for (;;) {
        siginfo_t i;
        int s = sigwaitinfo(&set, &i);
        if (s == SIGRTMIN + 2) return x;
        if (s == SIGRTMIN) { got[i.si_value.sival_int & 3]++; sum += i.si_value.sival_int; }
        else if (s == -1 && errno == EINTR) continue;
    }
}

int main(void) {
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGRTMIN + 2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pthread_t t[4];
    for (int n = 0; n < 4; n++) pthread_create(&t[n], NULL, waits, NULL);
    for (int n = 0; n < 200; n++) while (sigqueue(getpid(), SIGRTMIN, (union sigval){n}) == -1) usleep(100);
    for (int n = 0; n < 4; n++) while (sigqueue(getpid(), SIGRTMIN + 2, (union sigval){0}) == -1) usleep(100);
    for (int n = 0; n < 4; n++) pthread_join(t[n], NULL);
    say("%d %d %d %d sum %d\n", got[0], got[1], got[2], got[3], sum);
    sigset_t s;
    sigpending(&s);
    say("left %d\n", sigismember(&s, SIGRTMIN) + sigismember(&s, SIGRTMIN + 2));
}
