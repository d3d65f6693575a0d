// Signals of who is traced: seen, suppressed, replaced, changed by PTRACE_SETSIGINFO, ignored ones and those that kill; masks.
#include "trace.h"

static void handler(int s, siginfo_t *i, void *c) { (void)c; say("handler: %s code %d value %d\n", signal_name(s), i->si_code, i->si_code == SI_QUEUE ? i->si_value.sival_int : 0); }

int main(void) {
    pid_t p = CHILD(
        handle_with(SIGUSR1, handler, 0);
        handle_with(SIGUSR2, handler, 0);
        handle_with(SIGRTMIN, handler, 0);
        signal(SIGWINCH, SIG_DFL);
        signal(SIGHUP, SIG_IGN);
        TRACE(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        for (int i = 0; i < 4; i++) { raise(SIGUSR1); say("after %d\n", i); }
        raise(SIGWINCH);
        raise(SIGHUP);
        raise(SIGTERM);
        say("still here\n");
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 5});
        sigset_t s = set_of(SIGUSR1, 0);
        sigprocmask(SIG_BLOCK, &s, NULL);
        raise(SIGUSR1);
        say("blocked\n");
        raise(SIGSTOP);
        say("unblocked by the tracer\n");
        *(volatile int *)8 = 0);
    int n = 0, status = wait_for("child", p);
    TRACE(PTRACE_CONT, p, 0, 0);
    for (;;) {
        status = wait_for("child", p);
        if (!WIFSTOPPED(status)) break;
        int sig = WSTOPSIG(status), send = sig;
        siginfo_t info;
        TRACE(PTRACE_GETSIGINFO, p, 0, &info);
        say("  code %d from itself %d\n", info.si_code, sig != SIGSEGV && info.si_pid == p);
        if (sig == SIGUSR1) {
            if (n == 1) send = 0;
            if (n == 2) send = SIGUSR2;
            if (n == 3) { info.si_code = SI_QUEUE; info.si_value.sival_int = 99; TRACE(PTRACE_SETSIGINFO, p, 0, &info); }
            n++;
        }
        if (sig == SIGTERM) send = 0;
        if (sig == SIGSTOP) {
            unsigned long mask = 0;
            TRACE(PTRACE_GETSIGMASK, p, 8, &mask);
            say("  mask %#lx\n", mask);
            mask = 1 << (SIGUSR2 - 1);
            TRACE(PTRACE_SETSIGMASK, p, 8, &mask);
            send = 0;
        }
        if (sig == SIGSEGV) say("  address %p\n", info.si_addr);
        TRACE(PTRACE_CONT, p, 0, send);
    }
    VALUE(trace(PTRACE_GETSIGMASK, p, 8, 0));
    p = CHILD(TRACE(PTRACE_TRACEME, 0, 0, 0); raise(SIGTSTP); pause());
    wait_for("child", p);
    TRACE(PTRACE_CONT, p, 0, SIGTSTP);
    wait_for("group-stop", p);
    siginfo_t info;
    VALUE(trace(PTRACE_GETSIGINFO, p, 0, (long)&info));
    TRACE(PTRACE_CONT, p, 0, 0);
    VALUE(kill(p, SIGKILL));
    wait_for("end", p);
}
// qemu-user: has no ptrace
