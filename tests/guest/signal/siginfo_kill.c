// The siginfo of each way a process sends a signal to itself: kill, tgkill, tkill, raise, sigqueue (sigaction(2), si_code).
#include "check.h"

static void handler(int sig, siginfo_t *i, void *context) {
    (void)context;
    say("%s signo %d errno %d code %d pid %s uid %s value %d\n", signal_name(sig), i->si_signo, i->si_errno, i->si_code,
        i->si_pid == getpid() ? "own" : "other", i->si_uid == getuid() ? "own" : "other", i->si_code == SI_QUEUE ? i->si_value.sival_int : 0);
}

int main(void) {
    for (int sig = 1; sig <= SIGRTMIN + 20; sig++) {
        if (sig == SIGKILL || sig == SIGSTOP || sig == 32 || sig == 33) continue;
        handle_with(sig, handler, 0);
    }
    for (int sig = 1; sig <= SIGRTMIN + 20; sig++)
        if (sig != SIGKILL && sig != SIGSTOP && sig != 32 && sig != 33) MUST(kill(getpid(), sig));
    syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
    syscall(SYS_tkill, getpid(), SIGUSR2);
    raise(SIGTERM);
    sigqueue(getpid(), SIGHUP, (union sigval){.sival_int = 1234567});
    sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = -5});
    sigqueue(getpid(), SIGSEGV, (union sigval){.sival_int = 7});
    VALUE(kill(getpid(), 0));
    VALUE(kill(getpid(), 65));
    VALUE(kill(getpid(), -1));
    VALUE(sigqueue(getpid(), 65, (union sigval){.sival_int = 0}));
}
