// The floating-point state in the frame: magic words, sizes, YMM's upper half, and that a handler starts fresh.
#include "check.h"
#include <cpuid.h>

struct sw { uint32_t magic1, extended; uint64_t features; uint32_t size, pad[7]; };
static void handler(int sig, siginfo_t *i, void *context) {
    (void)i;
    ucontext_t *u = context;
    char *fp = (char *)u->uc_mcontext.fpregs;
    struct sw s;
    memcpy(&s, fp + 464, sizeof s);
    unsigned a, b, c, d;
    __cpuid_count(13, 0, a, b, c, d);
    uint32_t magic2;
    memcpy(&magic2, fp + s.size, 4);
    say("%s uc_flags %#lx magic1 %#x magic2 %#x extended-size %u size as CPUID %d AVX in features %d aligned %d\n", signal_name(sig), u->uc_flags, s.magic1,
        magic2, s.extended - s.size, s.size == b, (int)(s.features >> 2 & 1), (int)((long)fp & 63));
    uint64_t bv;
    memcpy(&bv, fp + 512, 8);
    say("xstate_bv has x87 %d sse %d avx %d\n", (int)(bv & 1), (int)(bv >> 1 & 1), (int)(bv >> 2 & 1));
    say("ymm5 low %02x high %02x cwd %#x mxcsr %#x\n", (unsigned char)fp[160 + 5 * 16], (unsigned char)fp[576 + 5 * 16], u->uc_mcontext.fpregs->cwd, u->uc_mcontext.fpregs->mxcsr);
    memset(fp + 576 + 5 * 16, 0x77, 16);
    unsigned mxcsr;
    unsigned short cw;
    __asm__ volatile("stmxcsr %0; fnstcw %1; vpcmpeqb %%ymm5, %%ymm5, %%ymm5" : "=m"(mxcsr), "=m"(cw)::"xmm5");
    say("inside mxcsr %#x cw %#x\n", mxcsr, cw);
}

int main(void) {
    handle_with(SIGTRAP, handler, 0);
    unsigned char in[32], out[32];
    memset(in, 0x33, 32);
    unsigned mxcsr = 0x1fc0;
    unsigned short cw = 0x27f;
    __asm__ volatile("ldmxcsr %1; fldcw %2; vmovdqu %3, %%ymm5; int3; vmovdqu %%ymm5, %0; stmxcsr %1; fnstcw %2" : "=m"(out), "+m"(mxcsr), "+m"(cw) : "m"(in) : "xmm5", "memory");
    say("after: low %02x high %02x mxcsr %#x cw %#x\n", out[0], out[16], mxcsr, cw);
}
