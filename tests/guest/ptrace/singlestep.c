// PTRACE_SINGLESTEP: instruction by instruction, over system calls, string instructions, PUSHF and into handlers.
#include "trace.h"

extern char from[], to[];
__asm__(
    ".globl from, to\n"
    "from: mov $3, %ecx\n"
    "1: dec %ecx\n"
    "jnz 1b\n"
    "mov $39, %eax\n"
    "syscall\n"
    "lea -64(%rsp), %rdi\n"
    "mov $3, %ecx\n"
    "rep stosb\n"
    "nop\n"
    "to: ret\n");

static void handler(int s) { (void)s; }

int main(void) {
    pid_t p = CHILD(
        TRACE(PTRACE_TRACEME, 0, 0, 0);
        signal(SIGUSR1, handler);
        raise(SIGSTOP);
        __asm__ volatile("sub $256, %%rsp\n call from\n add $256, %%rsp" ::: "rax", "rcx", "rdi", "r11", "memory", "cc");
        raise(SIGUSR1);
        _exit(0));
    wait_for("child", p);
    long steps = 0, inside = 0;
    int done = 0;
    while (steps < 5000 && !done) {
        TRACE(PTRACE_SINGLESTEP, p, 0, 0);
        int status;
        MUST(waitpid(p, &status, 0));
        if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) { say_stop("step", status); return 1; }
        steps++;
        struct user_regs_struct r = regs_of(p);
        if (r.rip >= (unsigned long)from && r.rip <= (unsigned long)to) {
            siginfo_t info;
            TRACE(PTRACE_GETSIGINFO, p, 0, &info);
            say("+%lld rcx %lld tf %d code %d addr %d\n", (long long)(r.rip - (unsigned long)from), r.rip < (unsigned long)from + 14 ? (long long)r.rcx : 0,
                (int)(r.eflags >> 8 & 1), info.si_code, info.si_addr == (void *)r.rip);
            inside++;
            done = r.rip == (unsigned long)to;
        }
    }
    say("%ld inside\n", inside);
    TRACE(PTRACE_CONT, p, 0, 0);
    wait_for("signal", p);
    TRACE(PTRACE_SINGLESTEP, p, 0, SIGUSR1);
    wait_for("handler", p);
    struct user_regs_struct r = regs_of(p);
    siginfo_t info;
    TRACE(PTRACE_GETSIGINFO, p, 0, &info);
    say("at its start: %d, argument %lld, code %d, tf %d\n", r.rip == (unsigned long)handler, (long long)r.rdi, info.si_code, (int)(r.eflags >> 8 & 1));
    TRACE(PTRACE_SINGLESTEP, p, 0, 0);
    wait_for("step", p);
    TRACE(PTRACE_CONT, p, 0, 0);
    wait_for("end", p);
}
// qemu-user: has no ptrace
