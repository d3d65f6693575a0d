// What is blocked while a handler runs: sa_mask, the signal itself, not with SA_NODEFER; and afterwards what was before.
#include "check.h"

static void show(const char *when) {
    sigset_t s;
    MUST(sigprocmask(SIG_BLOCK, NULL, &s));
    say("%s:", when);
    for (int n = 1; n <= SIGRTMAX; n++) if (sigismember(&s, n) == 1) say(" %s", signal_name(n));
    say("\n");
}
static void handler(int sig, siginfo_t *i, void *context) {
    (void)i;
    ucontext_t *u = context;
    show(signal_name(sig));
    say("  uc_sigmask:");
    for (int n = 1; n <= SIGRTMAX; n++) if (sigismember(&u->uc_sigmask, n) == 1) say(" %s", signal_name(n));
    say("\n");
    if (sig == SIGTERM) { sigaddset(&u->uc_sigmask, SIGQUIT); sigdelset(&u->uc_sigmask, SIGHUP); }
}

int main(void) {
    block(SIGHUP, SIGWINCH);
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigfillset(&a.sa_mask);
    sigdelset(&a.sa_mask, SIGINT);
    sigaction(SIGUSR1, &a, NULL);
    sigemptyset(&a.sa_mask);
    sigaddset(&a.sa_mask, SIGINT);
    a.sa_flags |= SA_NODEFER;
    sigaction(SIGUSR2, &a, NULL);
    handle_with(SIGTERM, handler, 0);
    raise(SIGUSR1);
    show("after SIGUSR1");
    raise(SIGUSR2);
    show("after SIGUSR2");
    raise(SIGTERM);
    show("after a handler changed uc_sigmask");
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    show("all");
    VALUE(sigprocmask(77, &all, NULL));
    VALUE(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, NULL, 4));
    VALUE(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, NULL, 8));
    VALUE(syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &all, 8, 8));
    show("unblocked before the fault");
}
