// SECCOMP_RET_TRAP: SIGSYS with siginfo and registers, and a handler that emulates the call.
#include "check.h"
#include "filter.h"

extern char after[];
static void handler(int sig, siginfo_t *i, void *context) {
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    say("%s code %d errno %d call %d arch %#x address %s\n", signal_name(sig), i->si_code, i->si_errno, i->si_syscall,
        i->si_arch, i->si_call_addr == after ? "behind it" : "?");
    say("rip %s rax %lld rdi %#llx rsi %#llx rdx %lld r10 %lld r8 %lld r9 %lld rcx %s\n",
        r[REG_RIP] == (greg_t)after ? "behind it" : "?", r[REG_RAX], r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8],
        r[REG_R9], r[REG_RCX] == (greg_t)after ? "behind it" : "?");
    r[REG_RAX] = 4711;
}

static long call(long nr) {
    long r;
    register long r10 asm("r10") = 4, r8 asm("r8") = 5, r9 asm("r9") = 6;
    asm volatile(".globl after\nsyscall\nafter:" : "=a"(r) : "a"(nr), "D"(0x123456789a), "S"(-2L), "d"(3L), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
    return r;
}

int main(void) {
    handle_with(SIGSYS, handler, 0);
    no_new_privs();
    VALUE(INSTALL(LOAD(NR), ON(SYS_umask, SECCOMP_RET_TRAP | 0x1234), ON(SYS_getpgrp, SECCOMP_RET_TRAP), RETURN(SECCOMP_RET_ALLOW)));
    VALUE(call(SYS_umask));
    VALUE(call(SYS_getpgrp));
    // Blocked, it kills.
    reap("blocked", CHILD(block(SIGSYS, 0); call(SYS_umask); say("after\n")));
    // On an alternate stack, and once.
    reap("once", CHILD(handle_with(SIGSYS, handler, SA_RESETHAND | SA_NODEFER); VALUE(call(SYS_umask)); VALUE(call(SYS_umask))));
    // Sent by kill it is an ordinary signal.
    block(SIGSYS, 0);
    raise(SIGSYS);
    sigset_t set = set_of(SIGSYS, 0);
    siginfo_t info;
    VALUE(sigwaitinfo(&set, &info));
    say("code %d\n", info.si_code);
}
