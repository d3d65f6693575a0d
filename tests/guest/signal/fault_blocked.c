// A fault whose signal is blocked or ignored kills; a fault in the handler of the same signal, too.
#include "check.h"

static void handler(int sig, siginfo_t *i, void *context) { (void)i, (void)context; say("%s\n", signal_name(sig)); *(volatile int *)1 = 0; }
int main(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    reap("blocked", CHILD(block(SIGSEGV, 0); *(volatile int *)1 = 0));
    reap("ignored", CHILD(signal(SIGSEGV, SIG_IGN); *(volatile int *)1 = 0));
    reap("in the handler", CHILD(handle_with(SIGSEGV, handler, 0); *(volatile int *)1 = 0));
    reap("blocked ILL", CHILD(block(SIGILL, 0); __asm__ volatile("ud2")));
    reap("ignored FPE", CHILD(signal(SIGFPE, SIG_IGN); int z; __asm__ volatile("xor %%ecx, %%ecx; mov %%ecx, %%eax; cltd; idiv %%ecx" : "=a"(z)::"ecx", "edx")));
    reap("handler in no memory", CHILD(struct sigaction a = {.sa_handler = (void *)0x10}; sigaction(SIGUSR1, &a, NULL); raise(SIGUSR1)));
    reap("sigreturn from nowhere", CHILD(__asm__ volatile("mov $4096, %%rsp; mov $15, %%eax; syscall" ::: "memory")));
}
