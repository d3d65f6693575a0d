// PTRACE_GETREGSET and SETREGSET of general, floating-point and extended state, PEEKUSER and POKEUSER; segment bases.
#include "trace.h"
#include <cpuid.h>

int main(void) {
    pid_t p = CHILD(
        TRACE(PTRACE_TRACEME, 0, 0, 0);
        unsigned long long x[4] __attribute__((aligned(32))) = {0x1111, 0x2222, 0x3333, 0x4444};
        double st = 2.5;
        unsigned long rbx = 0xb;
        __asm__ volatile("fldl %1\n vmovdqa %0, %%ymm7\n movq %%rbx, %%rbx\n mov $62, %%eax\n mov %3, %%edi\n mov $19, %%esi\n syscall\n vmovdqa %%ymm7, %0\n fstpl %1"
            : "+m"(x), "+m"(st), "+b"(rbx) : "r"(getpid()) : "rax", "rdi", "rsi", "rcx", "r11", "xmm7", "memory");
        say("ymm7 %#llx %#llx %#llx %#llx, st0 %g, rbx %#lx\n", x[0], x[1], x[2], x[3], st, rbx));
    wait_for("child", p);
    struct user_regs_struct r, q;
    struct iovec v = {&r, sizeof r};
    VALUE(trace(PTRACE_GETREGSET, p, NT_PRSTATUS, (long)&v));
    q = regs_of(p);
    say("length %zu, same %d\n", v.iov_len, memcmp(&r, &q, sizeof r) == 0);
    unsigned char xstate[8192];
    memset(xstate, 0xaa, sizeof xstate);
    v = (struct iovec){xstate, sizeof xstate};
    VALUE(trace(PTRACE_GETREGSET, p, NT_X86_XSTATE, (long)&v));
    unsigned a, b, c, d;
    __cpuid_count(13, 2, a, b, c, d);
    say("xcr0 at 464: %d, AVX %d, header %d\n", xstate[464] & 7, v.iov_len > b, xstate[512] & 7);
    unsigned long long w;
    memcpy(&w, xstate + 160 + 16 * 7, 8);
    say("xmm7 %#llx", w);
    memcpy(&w, xstate + b + 16 * 7 + 8, 8);
    say(", top %#llx, st0 exponent %#x\n", w, xstate[32 + 8] | xstate[32 + 9] << 8);
    w = 0x9999;
    memcpy(xstate + b + 16 * 7 + 8, &w, 8);
    v.iov_base = xstate;
    VALUE(trace(PTRACE_SETREGSET, p, NT_X86_XSTATE, (long)&v));
    struct user_fpregs_struct f;
    v = (struct iovec){&f, sizeof f};
    VALUE(trace(PTRACE_GETREGSET, p, NT_PRFPREG, (long)&v));
    say("length %zu, cwd %#x, ftw %#x, xmm7 %#x\n", v.iov_len, f.cwd, f.ftw, f.xmm_space[28]);
    f.xmm_space[28] = 0x7777;
    TRACE(PTRACE_SETFPREGS, p, 0, &f);
    memset(&f, 0, sizeof f);
    TRACE(PTRACE_GETFPREGS, p, 0, &f);
    say("xmm7 %#x, st0 %#x\n", f.xmm_space[28], f.st_space[2] & 0xffff);
    v = (struct iovec){&r, 16};
    VALUE(trace(PTRACE_GETREGSET, p, NT_PRSTATUS, (long)&v));
    say("length %zu\n", v.iov_len);
    v.iov_len = 15;
    VALUE(trace(PTRACE_GETREGSET, p, NT_PRSTATUS, (long)&v));
    VALUE(trace(PTRACE_GETREGSET, p, 0x12345, (long)&v));
    TRACE(PTRACE_POKEUSR, p, offsetof(struct user, regs.rbx), 0xbeef);
    say("fs_base %d, gs_base %lld\n", TRACE(PTRACE_PEEKUSR, p, offsetof(struct user, regs.fs_base), 0) != 0, (long long)q.gs_base);
    VALUE(trace(PTRACE_PEEKUSR, p, 3, 0));
    VALUE(trace(PTRACE_PEEKUSR, p, sizeof(struct user), 0));
    VALUE(trace(PTRACE_POKEUSR, p, offsetof(struct user, magic), 0));
    say("dr6 %#lx dr7 %#lx\n", TRACE(PTRACE_PEEKUSR, p, offsetof(struct user, u_debugreg[6]), 0), TRACE(PTRACE_PEEKUSR, p, offsetof(struct user, u_debugreg[7]), 0));
    VALUE(trace(PTRACE_POKEUSR, p, offsetof(struct user, u_debugreg[7]), 0));
    VALUE(trace(PTRACE_GETREGS, p, 0, 8));
    VALUE(trace(0x4321, p, 0, 0));
    TRACE(PTRACE_CONT, p, 0, 0);
    wait_for("end", p);
}
// qemu-user: has no ptrace
