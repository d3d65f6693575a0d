// A breakpoint: INT3 written over an instruction, hit, taken away, the instruction executed, put back, hit again.
#include "trace.h"

__attribute__((noinline, noclone)) static long twice(long x) {
    __asm__ volatile("" : "+r"(x));
    return 2 * x;
}

int main(void) {
    pid_t p = CHILD(
        TRACE(PTRACE_TRACEME, 0, 0, 0);
        long sum = 0;
        for (int i = 0; i < 100; i++) sum += twice(i);
        raise(SIGSTOP);
        for (int i = 0; i < 3; i++) sum += twice(1000 + i);
        _exit(sum % 100));
    wait_for("child", p);
    unsigned long at = (unsigned long)twice;
    long text = TRACE(PTRACE_PEEKTEXT, p, at, 0);
    for (int i = 0; i < 3; i++) {
        TRACE(PTRACE_POKETEXT, p, at, (text & ~0xffL) | 0xcc);
        TRACE(PTRACE_CONT, p, 0, 0);
        wait_for("breakpoint", p);
        struct user_regs_struct r = regs_of(p);
        siginfo_t info;
        TRACE(PTRACE_GETSIGINFO, p, 0, &info);
        say("at +%lld, argument %lld, code %d\n", (long long)(r.rip - at), (long long)r.rdi, info.si_code);
        TRACE(PTRACE_POKETEXT, p, at, text);
        r.rip = at;
        if (i == 1) r.rdi = 5;
        TRACE(PTRACE_SETREGS, p, 0, &r);
        TRACE(PTRACE_SINGLESTEP, p, 0, 0);
        wait_for("step", p);
        TRACE(PTRACE_GETSIGINFO, p, 0, &info);
        say("moved %d, code %d\n", regs_of(p).rip != at, info.si_code);
    }
    TRACE(PTRACE_CONT, p, 0, 0);
    wait_for("end", p);
}
// qemu-user: has no ptrace
