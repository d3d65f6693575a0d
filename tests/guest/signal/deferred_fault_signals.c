// SIGSEGV and its kin sent while blocked: they wait without holding up other signals, and come in order once unblocked.
#include "check.h"

static void handler(int sig, siginfo_t *i, void *context) { (void)context; say("  %s code %d\n", signal_name(sig), i->si_code); }

int main(void) {
    const int sigs[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGUSR1, SIGALRM};
    for (int n = 0; n < 7; n++) handle_with(sigs[n], handler, 0);
    sigset_t s;
    sigemptyset(&s);
    for (int n = 0; n < 5; n++) sigaddset(&s, sigs[n]);
    sigprocmask(SIG_BLOCK, &s, NULL);
    for (int n = 0; n < 5; n++) {
        kill(getpid(), sigs[n]);
        say("sent %s\n", signal_name(sigs[n]));
        kill(getpid(), SIGUSR1);
    }
    // Not twice.
    raise(SIGSEGV);
    block(SIGALRM, 0);
    struct itimerval t = {.it_value = {0, 1000}};
    setitimer(ITIMER_REAL, &t, NULL);
    VALUE(pause_for(SIGALRM));
    unblock(SIGALRM, 0);
    unblock(SIGFPE, 0);
    say("unblocked one\n");
    sigprocmask(SIG_UNBLOCK, &s, NULL);
    say("all\n");
    kill(getpid(), SIGUSR1);
}
