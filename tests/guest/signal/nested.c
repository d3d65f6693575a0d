// Handlers interrupt each other: order of what is pending when several become unblocked at once, and nesting.
#include "check.h"

static int depth, again;
static void handler(int sig, siginfo_t *i, void *context) {
    (void)i, (void)context;
    depth++;
    say("%*s> %s\n", depth, "", signal_name(sig));
    if (sig == SIGUSR1) raise(SIGUSR2);
    if (sig == SIGUSR2 && again++ < 2) raise(SIGUSR1);
    if (sig == SIGHUP) { unblock(SIGINT, 0); }
    say("%*s< %s\n", depth, "", signal_name(sig));
    depth--;
}

int main(void) {
    int all[] = {SIGHUP, SIGINT, SIGUSR1, SIGUSR2, SIGTERM, SIGRTMIN, SIGRTMIN + 5, SIGALRM};
    sigset_t set;
    sigemptyset(&set);
    for (int n = 0; n < 8; n++) { handle_with(all[n], handler, 0); sigaddset(&set, all[n]); }
    raise(SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int n = 7; n >= 0; n--) if (all[n] != SIGUSR1 && all[n] != SIGUSR2) raise(all[n]);
    say("all pending\n");
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    handle_with(SIGHUP, handler, 0);
    say("with a full sa_mask\n");
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigfillset(&a.sa_mask);
    for (int n = 0; n < 8; n++) if (all[n] != SIGUSR1 && all[n] != SIGUSR2 && all[n] != SIGHUP) sigaction(all[n], &a, NULL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int n = 7; n >= 0; n--) if (all[n] != SIGUSR1 && all[n] != SIGUSR2) raise(all[n]);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}
