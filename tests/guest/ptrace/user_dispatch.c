// qemu-user: has no ptrace
// PR_SET_SYSCALL_USER_DISPATCH: of a call that is not made a tracer sees the signal, neither begin nor end.
#include "trace.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

static char selector;

static void handler(int sig, siginfo_t *i, void *context) {
    (void)context;
    selector = 0;
    say("%s code %d call %d\n", signal_name(sig), i->si_code, i->si_syscall);
}

int main(void) {
    pid_t p = fork();
    if (p == 0) {
        TRACE(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        handle_with(SIGSYS, handler, 0);
        prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, 0, 0, &selector);
        selector = 1;
        syscall(SYS_getppid);
        _exit(0);
    }
    int status, sig = 0;
    MUST(waitpid(p, &status, 0));
    for (;;) {
        TRACE(PTRACE_SYSCALL, p, 0, sig);
        MUST(waitpid(p, &status, 0));
        if (!WIFSTOPPED(status)) break;
        sig = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
        struct user_regs_struct r = regs_of(p);
        if (r.orig_rax == SYS_getppid) say("stopped by %s, rax %lld\n", signal_name(WSTOPSIG(status)), r.rax);
    }
    say_status("traced", status);
}
