// Every kind of floating-point exception unmasked: SSE and x87 si_code, and that the handler's return with a mask goes on.
#include "check.h"
static void handler(int sig, siginfo_t *i, void *c) {
    ucontext_t *u = c;
    say("%s code %d mxcsr %#x swd %#x\n", signal_name(sig), i->si_code, u->uc_mcontext.fpregs->mxcsr & 0x3f, u->uc_mcontext.fpregs->swd & 0x3f);
    u->uc_mcontext.fpregs->mxcsr |= 0x1f80;
    u->uc_mcontext.fpregs->cwd |= 0x3f;
}
static void sse(double x, double y, int op, unsigned mask) {
    unsigned csr = 0x1f80 & ~mask;
    __asm__ volatile("ldmxcsr %0" ::"m"(csr));
    volatile double r;
    if (op == 0) __asm__ volatile("divsd %1, %0" : "+x"(x) : "x"(y));
    if (op == 1) __asm__ volatile("mulsd %1, %0" : "+x"(x) : "x"(y));
    if (op == 2) __asm__ volatile("sqrtsd %1, %0" : "+x"(x) : "x"(y));
    r = x;
    csr = 0x1f80;
    __asm__ volatile("ldmxcsr %0" ::"m"(csr));
    say("%g\n", r != r ? 77.0 : r);
}
int main(void) {
    handle_with(SIGFPE, handler, 0);
    sse(1, 0, 0, 1 << 9);
    sse(0, 0, 0, 1 << 7);
    sse(1e300, 1e300, 1, 1 << 10);
    sse(1e-300, 1e-300, 1, 1 << 11);
    sse(1, 3, 0, 1 << 12);
    sse(0, -1, 2, 1 << 7);
    short cw;
    double d = 0;
    cw = 0x37f & ~4;
    __asm__ volatile("fninit; fldcw %1; fld1; fldz; fdivrp; fwait; fstpl %0" : "=m"(d) : "m"(cw));
    say("x87 %g\n", d);
    cw = 0x37f & ~1;
    __asm__ volatile("fninit; fldcw %1; fld1; fchs; fsqrt; fwait; fstpl %0; fninit" : "=m"(d) : "m"(cw));
    say("x87 %d\n", d != d);
}
