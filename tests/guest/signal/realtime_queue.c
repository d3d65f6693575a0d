// Real-time signals queue with their values, in order, lowest number first; standard ones do not.
#include "check.h"

static void handler(int sig, siginfo_t *i, void *context) {
    (void)context;
    say("%s %d\n", signal_name(sig), i->si_value.sival_int);
}

int main(void) {
    sigset_t set;
    sigfillset(&set);
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO, .sa_mask = set};
    int sigs[] = {SIGRTMIN + 2, SIGUSR1, SIGRTMIN, SIGRTMIN + 20, SIGUSR2};
    for (int n = 0; n < 5; n++) sigaction(sigs[n], &a, NULL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int v = 0; v < 4; v++)
        for (int n = 0; n < 5; n++) MUST(sigqueue(getpid(), sigs[n], (union sigval){.sival_int = v * 10 + n}));
    sigset_t pending;
    sigpending(&pending);
    for (int n = 1; n <= SIGRTMAX; n++) if (sigismember(&pending, n) == 1) say("pending %s\n", signal_name(n));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    struct rlimit l = {3, 3};
    sigprocmask(SIG_BLOCK, &set, NULL);
    setrlimit(RLIMIT_SIGPENDING, &l);
    for (int v = 0; v < 5; v++) VALUE(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = v}) == 0 || errno == EAGAIN);
}
