// A stack overflow is handled on the alternate stack; when there is no room for the frame the process dies by SIGSEGV.
#include "check.h"

static char stack[65536] __attribute__((aligned(16)));
static sigjmp_buf back;
static void handler(int sig, siginfo_t *i, void *context) {
    (void)i, (void)context;
    char here;
    say("%s on the %s stack, code %d\n", signal_name(sig), &here >= stack && &here < stack + sizeof stack ? "alternate" : "normal", i->si_code);
    siglongjmp(back, 1);
}
static int deep(int n) {
    volatile char room[4096];
    room[0] = n;
    return n > 1 << 30 ? 0 : deep(n + 1) + room[0];
}
static void *thread(void *x) {
    stack_t s = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&s, NULL);
    if (!sigsetjmp(back, 1)) deep(0);
    say("thread back\n");
    return x;
}

int main(void) {
    struct rlimit none = {0, 0}, small = {1 << 20, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &none);
    handle_with(SIGSEGV, handler, SA_ONSTACK);
    pthread_t t;
    pthread_attr_t a;
    pthread_attr_init(&a);
    pthread_attr_setstacksize(&a, 256 << 10);
    pthread_create(&t, &a, thread, NULL);
    pthread_join(t, NULL);
    reap("no alternate stack", CHILD(setrlimit(RLIMIT_STACK, &small); deep(0)));
    reap("handler with a bad stack pointer", CHILD(handle_with(SIGUSR1, handler, 0);
        __asm__ volatile("mov $16, %%rsp; mov $39, %%eax; syscall; mov %%eax, %%edi; mov $10, %%esi; mov $62, %%eax; syscall; ud2" ::: "memory")));
}
