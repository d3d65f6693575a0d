/* Calls and returns that do not pair: jumps out of many frames and out of signal handlers, returns to
 * other places than the call's, very deep recursion, tail calls. Every result is checked or printed. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALONE __attribute__((noinline, noclone))

static uint64_t mix(uint64_t h, uint64_t v)
{
    h ^= v;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* ---- longjmp out of 200 frames ---- */

static jmp_buf out;
static volatile uint64_t frames;
static volatile int stay;

ALONE static uint64_t dive(int depth, uint64_t h)
{
    frames++;
    if (depth == 0) {
        if (stay)
            return h;
        longjmp(out, (int)(h & 0xffff) + 1);
    }
    /* Not a tail call: what comes after it must not run. */
    h = dive(depth - 1, mix(h, depth));
    frames += 1000000;
    return h + 1;
}

static uint64_t jump_out(void)
{
    volatile uint64_t h = 1;
    for (volatile int i = 0; i < 2000; i++) {
        int v = setjmp(out);
        if (v == 0)
            dive(200, h + i);
        h = mix(h, v);
    }
    return h;
}

/* ---- siglongjmp out of a handler, from a fault and from a signal that is sent ---- */

static sigjmp_buf escape;

static void on_signal(int sig, siginfo_t *info, void *context)
{
    (void)context;
    siglongjmp(escape, sig == SIGSEGV ? 1 + ((uintptr_t)info->si_addr & 0xff) : 1000);
}

ALONE static int trouble(int depth, int i)
{
    if (depth > 0)
        return trouble(depth - 1, i) + 1;
    if (i & 1)
        raise(SIGUSR1);
    else
        *(volatile char *)(uintptr_t)(i & 0xfe) = 1;
    return 0;
}

static uint64_t escape_handlers(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, 0);
    sigaction(SIGUSR1, &action, 0);
    volatile uint64_t h = 2;
    for (volatile int i = 0; i < 400; i++) {
        int v = sigsetjmp(escape, 1);
        if (v == 0) {
            trouble(20, i);
            h = 0;
        }
        sigset_t mask;
        sigprocmask(SIG_BLOCK, 0, &mask);
        h = mix(h, v + sigismember(&mask, SIGUSR1));
    }
    return h;
}

/* ---- recursion 200,000 deep, on a thread with the stack for it ---- */

ALONE static uint64_t descend(uint64_t n)
{
    if (n == 0)
        return 3;
    uint64_t below = descend(n - 1);
    return mix(below, n);
}

static void *deep(void *result)
{
    *(uint64_t *)result = descend(200000);
    return 0;
}

static uint64_t recursion(void)
{
    uint64_t got = 0, expected = 3;
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 << 20);
    if (pthread_create(&thread, &attributes, deep, &got) != 0)
        exit(2);
    pthread_join(thread, 0);
    for (uint64_t n = 1; n <= 200000; n++)
        expected = mix(expected, n);
    if (got != expected)
        printf("recursion: %#lx, not %#lx\n", got, expected);
    return got;
}

/* ---- returns to somewhere else ---- */

uint64_t detour(uint64_t n);
uint64_t two_up(uint64_t n);
uint64_t by_thunk(uint64_t n);
uint64_t own_address(uint64_t n);
uint64_t pops_arguments(uint64_t n);

__asm__(".text\n"
        /* Every third time the return address becomes that of 2. */
        "redirect:\n"
        "   leaq 1(%rdi), %rax\n"
        "   testq %rsi, %rsi\n"
        "   jz 1f\n"
        "   movq %rsi, (%rsp)\n"
        "1: ret\n"
        "detour:\n"
        "   movq %rdi, %rax\n"
        "   xorl %edx, %edx\n"
        "   movl $3, %ecx\n"
        "   divq %rcx\n"
        "   xorl %esi, %esi\n"
        "   leaq 2f(%rip), %rcx\n"
        "   testq %rdx, %rdx\n"
        "   cmovzq %rcx, %rsi\n"
        "   call redirect\n"
        "   addq $1000, %rax\n"
        "   ret\n"
        "2: leaq (%rax, %rax, 4), %rax\n"
        "   ret\n"
        /* Returns to the caller's caller if n is odd. */
        "inner:\n"
        "   testl $1, %edi\n"
        "   jz 1f\n"
        "   addq $8, %rsp\n"
        "   movl $77, %eax\n"
        "1: ret\n"
        "two_up:\n"
        "   movq %rdi, %rax\n"
        "   call inner\n"
        "   addq $5, %rax\n"
        "   ret\n"
        /* An indirect jump as a return, to one of two places. */
        "thunk:\n"
        "   call 1f\n"
        "2: pause\n"
        "   lfence\n"
        "   jmp 2b\n"
        "1: movq %rax, (%rsp)\n"
        "   ret\n"
        "by_thunk:\n"
        "   leaq 3f(%rip), %rax\n"
        "   leaq 4f(%rip), %rcx\n"
        "   testl $4, %edi\n"
        "   cmovnzq %rcx, %rax\n"
        "   jmp thunk\n"
        "3: leaq 11(%rdi), %rax\n"
        "   ret\n"
        "4: leaq 13(, %rdi, 2), %rax\n"
        "   ret\n"
        /* Calls that never return: to learn the own address; then a pushed address as the target. */
        "own_address:\n"
        "   call 1f\n"
        "1: popq %rcx\n"
        "   leaq 2f - 1b(%rcx), %rcx\n"
        "   pushq %rcx\n"
        "   xorl %eax, %eax\n"
        "   ret\n"
        "   ud2\n"
        "2: leaq 17(%rdi), %rax\n"
        "   ret\n"
        "sum_of_pushed:\n"
        "   movq 8(%rsp), %rax\n"
        "   subq 16(%rsp), %rax\n"
        "   ret $16\n"
        "pops_arguments:\n"
        "   movq %rsp, %rcx\n"
        "   pushq %rdi\n"
        "   leaq (%rdi, %rdi, 2), %rdx\n"
        "   pushq %rdx\n"
        "   call sum_of_pushed\n"
        "   subq %rsp, %rcx\n"
        "   addq %rcx, %rax\n"
        "   ret\n");

static void expect(const char *what, uint64_t n, uint64_t got, uint64_t expected)
{
    if (got != expected) {
        printf("%s(%lu): %lu, not %lu\n", what, n, got, expected);
        exit(1);
    }
}

static uint64_t strange_returns(void)
{
    uint64_t h = 4;
    for (uint64_t n = 0; n < 30000; n++) {
        uint64_t d = detour(n), t = two_up(n), b = by_thunk(n), o = own_address(n), p = pops_arguments(n);
        expect("detour", n, d, n % 3 ? n + 1001 : 5 * (n + 1));
        expect("two_up", n, t, n & 1 ? 77 : n + 5);
        expect("by_thunk", n, b, n & 4 ? 2 * n + 13 : n + 11);
        expect("own_address", n, o, n + 17);
        expect("pops_arguments", n, p, 2 * n);
        h = mix(h, d + t + b + o + p);
    }
    return h;
}

/* ---- tail calls ---- */

typedef uint64_t Step(uint64_t n, uint64_t h);
static Step even, odd, third;
static Step *const volatile steps[] = {even, odd, third};

ALONE static uint64_t even(uint64_t n, uint64_t h)
{
    return n == 0 ? h : odd(n - 1, mix(h, 2));
}

ALONE static uint64_t odd(uint64_t n, uint64_t h)
{
    return n == 0 ? h + 1 : steps[h % 3](n - 1, h * 3);
}

ALONE static uint64_t third(uint64_t n, uint64_t h)
{
    return n == 0 ? h + 2 : steps[n % 2](n - 1, h ^ n);
}

int main(void)
{
    printf("longjmp %#lx\n", jump_out());
    printf("frames %lu\n", frames);
    printf("siglongjmp %#lx\n", escape_handlers());
    printf("recursion %#lx\n", recursion());
    printf("returns %#lx\n", strange_returns());
    printf("tail calls %#lx\n", even(300000, 5));
    return 0;
}
