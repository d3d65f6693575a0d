// A handler changes registers, flags, mask and instruction pointer of the context; they are honoured on return.
#include "check.h"

static void target(void) { say("elsewhere\n"); _exit(0); }
static void handler(int sig, siginfo_t *i, void *context) {
    (void)i;
    ucontext_t *u = context;
    greg_t *g = u->uc_mcontext.gregs;
    if (sig == SIGILL) {
        say("ILL with rax %#llx rbx %#llx r15 %#llx CF %lld\n", g[REG_RAX], g[REG_RBX], g[REG_R15], g[REG_EFL] & 1);
        g[REG_RAX] = 0x1111;
        g[REG_RBX] = 0x2222222222222222;
        g[REG_R15] = -1;
        g[REG_EFL] ^= 1 | 0x40;
        g[REG_RIP] += 2;
        memset(&u->uc_mcontext.fpregs->_xmm[3], 0x5a, 16);
        u->uc_mcontext.fpregs->mxcsr ^= 0x6000;
    } else {
        g[REG_RSP] = (g[REG_RSP] & ~15) - 8;
        g[REG_RIP] = (long)target;
    }
}

int main(void) {
    handle_with(SIGILL, handler, 0);
    handle_with(SIGUSR1, handler, 0);
    register unsigned long rax __asm__("rax") = 0xaaaa, rbx __asm__("rbx") = 0xbbbb, r15 __asm__("r15") = 0xcccc;
    unsigned char cf, zf, xmm[16];
    unsigned mxcsr;
    __asm__ volatile("stc; ud2; setc %3; setz %4; movdqu %%xmm3, %5; stmxcsr %6"
        : "+r"(rax), "+r"(rbx), "+r"(r15), "=m"(cf), "=m"(zf), "=m"(xmm), "=m"(mxcsr)::"xmm3", "cc", "memory");
    unsigned long a = rax, b = rbx, c = r15;
    say("rax %#lx rbx %#lx r15 %#lx CF %d ZF %d xmm3 %02x%02x mxcsr %#x\n", a, b, c, cf, zf, xmm[0], xmm[15], mxcsr);
    raise(SIGUSR1);
    say("not here\n");
}
