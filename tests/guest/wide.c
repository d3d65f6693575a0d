/* YMM registers through signals, threads' switches and XSAVE: a handler sees the interrupted registers in its
 * frame, starts with clear ones, may change those of the frame, and everything comes back. Checks itself
 * and prints the same where the CPU has no AVX2. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>

typedef struct {
    uint64_t w[4];
} __attribute__((aligned(32))) Ymm;

static void check(const char *what, int good)
{
    printf("%s: %s\n", what, good ? "ok" : "WRONG");
}

static void set(Ymm *v)
{
    for (int i = 0; i < 16; i++)
        for (int k = 0; k < 4; k++)
            v[i].w[k] = (i + 1) * 0x0101010101010101u * (k + 3);
}

#define EACH(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13) F(14) F(15)
#define LOAD(n) "vmovdqu 32*" #n "(%[from]), %%ymm" #n "\n"
#define STORE(n) "vmovdqu %%ymm" #n ", 32*" #n "(%[to])\n"
#define CLOBBER "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

static Ymm initial[16], final[16], in_handler[16];

/* ---- the frame ---- */

static int frame_has_it, handler_starts_clear;

static void on_usr1(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)info;
    __asm__ volatile(EACH(STORE) : : [to] "r"(in_handler) : "memory");
    Ymm zero[16] = {0};
    handler_starts_clear = !memcmp(zero, in_handler, sizeof zero);
    ucontext_t *uc = context;
    uint8_t *fp = (uint8_t *)uc->uc_mcontext.fpregs;
    uint32_t magic1, size, magic2;
    uint64_t features, used;
    memcpy(&magic1, fp + 464, 4);
    memcpy(&features, fp + 464 + 8, 8);
    memcpy(&size, fp + 464 + 16, 4);
    memcpy(&magic2, fp + size, 4);
    memcpy(&used, fp + 512, 8);
    frame_has_it = magic1 == 0x46505853 && magic2 == 0x46505845 && (features & 7) == 7 && (used & 4) &&
                   !memcmp(fp + 576 + 16 * 5, &initial[5].w[2], 16) && !memcmp(fp + 160 + 16 * 5, &initial[5], 16);
    memset(fp + 576 + 16 * 9, 0x5a, 16);
}

static void frames(void)
{
    struct sigaction a = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &a, NULL);
    set(initial);
    long pid, tid;
    __asm__("syscall" : "=a"(pid) : "0"(39) : "rcx", "r11");
    __asm__("syscall" : "=a"(tid) : "0"(186) : "rcx", "r11");
    register long sig __asm__("rdx") = SIGUSR1;
    long nr = 234; /* tgkill */
    __asm__ volatile(EACH(LOAD) "syscall\n" EACH(STORE)
                     : "+a"(nr)
                     : [from] "r"(initial), [to] "r"(final), "D"(pid), "S"(tid), "r"(sig)
                     : "rcx", "r11", CLOBBER);
    (void)nr;
}

/* ---- a storm over a loop that keeps everything in YMM registers ---- */

static volatile int storms;

static void on_alarm(int sig)
{
    (void)sig;
    storms++;
    __asm__ volatile("vpcmpeqd %%ymm0, %%ymm0, %%ymm0; vmovdqa %%ymm0, %%ymm7; vmovdqa %%ymm0, %%ymm15; vzeroupper" ::: "xmm0", "xmm7", "xmm15");
}

static uint64_t storm(void)
{
    Ymm sum[1];
    uint64_t h = 0;
    for (int round = 0; round < 40; round++) {
        __asm__ volatile("vmovdqu (%0), %%ymm0; vmovdqu 32(%0), %%ymm7; vmovdqu 64(%0), %%ymm15; mov $20000, %%ecx\n"
                         "1: vpaddd %%ymm0, %%ymm7, %%ymm7; vpxor %%ymm7, %%ymm15, %%ymm15; vpsrlq $7, %%ymm15, %%ymm1\n"
                         "vpaddq %%ymm1, %%ymm0, %%ymm0; vpermq $0x39, %%ymm0, %%ymm0; dec %%ecx; jnz 1b\n"
                         "vpaddq %%ymm0, %%ymm15, %%ymm15; vmovdqu %%ymm15, (%1)"
                         : : "r"(initial), "r"(sum) : "rcx", "memory", "xmm0", "xmm1", "xmm7", "xmm15");
        uint64_t now = sum->w[0] ^ sum->w[1] * 3 ^ sum->w[2] * 5 ^ sum->w[3] * 7;
        if (round && now != h)
            return 0;
        h = now;
    }
    return h;
}

/* ---- XSAVE, XSAVEC, XRSTOR ---- */

static void xsave(void)
{
    static uint8_t area[4096] __attribute__((aligned(64))), compact[4096] __attribute__((aligned(64)));
    uint32_t a = 6, d = 0;
    memset(area, 0xcc, sizeof area);
    memset(area + 512, 0, 64);
    memset(compact, 0xcc, sizeof compact);
    memset(compact + 512, 0, 64);
    __asm__ volatile(EACH(LOAD) "xsave (%[area])\nxsavec (%[compact])\n" : : [from] "r"(initial), [area] "r"(area), [compact] "r"(compact), "a"(a), "d"(d) : CLOBBER);
    check("XSAVE stores what is asked for", area[0] == 0xcc && !memcmp(area + 160 + 48, &initial[3], 16) &&
                                                 !memcmp(area + 576 + 48, &initial[3].w[2], 16));
    check("XSAVEC", (compact[512] & 6) == 6 && compact[520] == 6 && compact[527] == 0x80 &&
                        !memcmp(compact + 576 + 240, &initial[15].w[2], 16));
    /* Only AVX's component, which is not there: it becomes zero. */
    compact[512] = 2;
    __asm__ volatile(EACH(LOAD) "xrstor (%[area])\n" EACH(STORE) : : [from] "r"(initial), [to] "r"(final), [area] "r"(compact), "a"(4), "d"(d) : CLOBBER);
    check("XRSTOR of an initial component", final[7].w[0] == initial[7].w[0] && !final[7].w[2] && !final[7].w[3]);
    __asm__ volatile("vzeroall; xrstor (%[area])\n" EACH(STORE) : : [to] "r"(final), [area] "r"(area), "a"(a), "d"(d) : CLOBBER);
    check("XRSTOR", !memcmp(initial, final, sizeof final));
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    check("XGETBV", (lo & 7) == 7);
}

int main(void)
{
    int has = __builtin_cpu_supports("avx2");
    if (has) {
        frames();
        Ymm expected[16];
        memcpy(expected, initial, sizeof expected);
        memset(&expected[9].w[2], 0x5a, 16);
        check("the frame has the YMM registers", frame_has_it);
        check("a handler starts with clear registers", handler_starts_clear);
        check("registers come back, with what the handler changed", !memcmp(final, expected, sizeof final));
        struct itimerval t = {{0, 700}, {0, 700}};
        signal(SIGALRM, on_alarm);
        setitimer(ITIMER_REAL, &t, NULL);
        uint64_t sum = storm();
        t = (struct itimerval){{0, 0}, {0, 0}};
        setitimer(ITIMER_REAL, &t, NULL);
        check("a loop under signals", sum != 0 && storms > 0);
        xsave();
    } else {
        static const char *all[] = {"the frame has the YMM registers", "a handler starts with clear registers", "registers come back, with what the handler changed", "a loop under signals", "XSAVE stores what is asked for", "XSAVEC", "XRSTOR of an initial component", "XRSTOR", "XGETBV"};
        for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
            check(all[i], 1);
    }
    return 0;
}
