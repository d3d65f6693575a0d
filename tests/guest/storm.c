/* Signals arrive all the time while flags, strings, x87 and SSE state are live: from a timer each half
 * millisecond and from a second process. Every round of the computation must give the same checksum, as
 * must the program natively. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t alarms, users;
static volatile double handler_float = 1.0;
static volatile uint64_t handler_sum;

/* Ruins all that a handler may ruin: flags, DF is clear by the ABI, XMM registers, the x87 stack. */
static void on_signal(int sig)
{
    char a[64], b[64];
    memset(a, sig, sizeof a);
    memcpy(b, a, sizeof b);
    handler_float = handler_float * 1.5 + 0.25;
    if (handler_float > 1e6)
        handler_float = 1.0;
    uint64_t sum = handler_sum;
    __asm__ volatile("stc; adcq %1, %0; fldpi; fldl2e; faddp; fstp %%st(0); pcmpeqb %%xmm0, %%xmm0;"
                     "movdqa %%xmm0, %%xmm7; movdqa %%xmm0, %%xmm15; xorl %%eax, %%eax; cmpl $1, %%eax"
                     : "+r"(sum)
                     : "r"((uint64_t)b[sig & 31])
                     : "rax", "xmm0", "xmm7", "xmm15", "cc", "st", "st(1)");
    handler_sum = sum;
    if (sig == SIGALRM)
        alarms++;
    else
        users++;
}

static uint64_t words[256 + 1], copy[256 + 1];

static uint64_t mix(uint64_t h, uint64_t v)
{
    h ^= v;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* CF stays live over the whole loop: LEA and DEC leave it alone. */
static uint64_t carry_chain(uint64_t h)
{
    uint64_t n = 256, low = h, high = ~h, flags;
    const uint64_t *p = words;
    __asm__ volatile("clc\n"
                     "1: adcq (%[p]), %[low]\n"
                     "   sbbq 8(%[p]), %[high]\n"
                     "   leaq 8(%[p]), %[p]\n"
                     "   decq %[n]\n"
                     "   jnz 1b\n"
                     "   leaq -128(%%rsp), %%rsp\n"
                     "   pushfq\n"
                     "   popq %[flags]\n"
                     "   leaq 128(%%rsp), %%rsp\n"
                     : [n] "+r"(n), [low] "+r"(low), [high] "+r"(high), [p] "+r"(p), [flags] "=r"(flags)
                     :
                     : "cc", "memory");
    return mix(mix(low, high), flags & 0x8d5);
}

/* Rotates through CF, with 8- and 16-bit parts and SETcc. */
static uint64_t rotates(uint64_t h)
{
    uint64_t n = 64, set = 0;
    __asm__ volatile("bt $17, %[h]\n"
                     "1: rclq $3, %[h]\n"
                     "   setc %b[set]\n"
                     "   setp %h[set]\n"
                     "   rcrw $1, %w[h]\n"
                     "   rorq $9, %[set]\n"
                     "   decq %[n]\n"
                     "   jnz 1b\n"
                     : [h] "+r"(h), [n] "+r"(n), [set] "+Q"(set)
                     :
                     : "cc");
    return mix(h, set);
}

static uint64_t strings(uint64_t h)
{
    void *to = (char *)copy + 3, *from = words;
    uint64_t n = 256 * 8 - 5;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    h = mix(h, (uintptr_t)to - (uintptr_t)copy);
    to = (char *)copy + 255 * 8, n = 40;
    __asm__ volatile("std; rep stosq; cld" : "+D"(to), "+c"(n) : "a"(h) : "memory");
    for (int i = 0; i < 256; i++)
        h = mix(h, copy[i]);
    to = copy, n = sizeof copy;
    __asm__ volatile("repne scasb" : "+D"(to), "+c"(n) : "a"(h & 255) : "cc", "memory");
    return mix(h, n);
}

static uint64_t floats(uint64_t h)
{
    long double x = (long double)(h >> 40) / 3;
    double d = (double)(h & 0xffff) + 0.5;
    float f = 1.25f;
    uint64_t bits;
    for (int i = 0; i < 64; i++) {
        x = x * 1.0000001L + 1.0L / (i + 1);
        d = d / 1.5 + i;
        f = f * 1.01f + (float)(i & 3);
    }
    memcpy(&bits, &d, 8);
    h = mix(h, bits);
    memcpy(&bits, &x, 8);
    h = mix(h, bits);
    uint32_t low;
    memcpy(&low, &f, 4);
    return mix(h, low);
}

static uint64_t vectors(uint64_t h)
{
    uint64_t out[4], n = 100;
    __asm__ volatile("movq %[h], %%xmm1\n"
                     "pshufd $0x44, %%xmm1, %%xmm2\n"
                     "movdqa %%xmm2, %%xmm15\n"
                     "1: paddq %%xmm2, %%xmm15\n"
                     "   psrlq $7, %%xmm2\n"
                     "   pxor %%xmm15, %%xmm2\n"
                     "   pmuludq %%xmm2, %%xmm15\n"
                     "   pshufd $0x39, %%xmm15, %%xmm15\n"
                     "   pcmpgtb %%xmm2, %%xmm1\n"
                     "   paddb %%xmm1, %%xmm2\n"
                     "   subq $1, %[n]\n"
                     "   ja 1b\n"
                     "movdqu %%xmm2, %[a]\n"
                     "movdqu %%xmm15, %[b]\n"
                     : [n] "+r"(n), [a] "=m"(*(char(*)[16])out), [b] "=m"(*(char(*)[16])(out + 2))
                     : [h] "r"(h)
                     : "xmm1", "xmm2", "xmm15", "cc");
    return mix(mix(mix(mix(h, out[0]), out[1]), out[2]), out[3]);
}

static uint64_t compute(void)
{
    uint64_t h = 1;
    for (int i = 0; i < 256; i++)
        words[i] = mix(h, i * 0x0101010101u);
    memset(copy, 0, sizeof copy);
    for (int i = 0; i < 8; i++)
        h = vectors(floats(strings(rotates(carry_chain(h)))));
    return h;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(void)
{
    uint64_t expected = compute();
    static char stack[1 << 16];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternate, NULL);
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &act, NULL);
    act.sa_flags |= SA_ONSTACK;
    sigaction(SIGUSR1, &act, NULL);

    pid_t other = fork();
    if (other == 0) {
        struct timespec pause = {0, 200000};
        while (kill(getppid(), SIGUSR1) == 0 && getppid() != 1)
            nanosleep(&pause, NULL);
        _exit(0);
    }
    struct itimerval often = {{0, 500}, {0, 500}};
    setitimer(ITIMER_REAL, &often, NULL);
    int rounds = 0, wrong = 0;
    double limit = now() + 60;
    while ((rounds < 300 || alarms < 200 || users < 200) && now() < limit) {
        if (compute() != expected)
            wrong++;
        rounds++;
    }
    memset(&often, 0, sizeof often);
    setitimer(ITIMER_REAL, &often, NULL);
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    printf("%016lx, %d wrong, %s\n", expected, wrong, alarms >= 200 && users >= 200 ? "signals came" : "no signals");
    return wrong != 0;
}
