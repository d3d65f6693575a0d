// sigaction(2): what is refused, what comes back, and that a bad pointer leaves things as they were.
#include "check.h"

struct kernel_action { void *handler; unsigned long flags; void *restorer; unsigned long mask; };
static void handler(int sig) { say("%s\n", signal_name(sig)); }

int main(void) {
    struct kernel_action k = {.handler = SIG_IGN, .flags = 0, .mask = ~0UL}, old;
    VALUE(syscall(SYS_rt_sigaction, SIGKILL, &k, NULL, 8));
    VALUE(syscall(SYS_rt_sigaction, SIGSTOP, &k, NULL, 8));
    VALUE(syscall(SYS_rt_sigaction, SIGKILL, NULL, &old, 8));
    VALUE(syscall(SYS_rt_sigaction, 0, &k, NULL, 8));
    VALUE(syscall(SYS_rt_sigaction, 65, &k, NULL, 8));
    VALUE(syscall(SYS_rt_sigaction, -1, &k, NULL, 8));
    VALUE(syscall(SYS_rt_sigaction, SIGUSR1, &k, NULL, 16));
    VALUE(syscall(SYS_rt_sigaction, SIGUSR1, 8, NULL, 8));
    VALUE(syscall(SYS_rt_sigaction, SIGUSR1, &k, &old, 8));
    say("old handler %p flags %#lx mask %#lx\n", old.handler, old.flags, old.mask);
    VALUE(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &old, 8));
    say("mask without KILL and STOP: %#lx\n", old.mask);
    k = (struct kernel_action){.handler = handler, .flags = 0x12345678, .mask = 5};
    VALUE(syscall(SYS_rt_sigaction, SIGUSR2, &k, NULL, 8));
    VALUE(syscall(SYS_rt_sigaction, SIGUSR2, NULL, &old, 8));
    say("flags %#lx mask %#lx restorer %p\n", old.flags, old.mask, old.restorer);
    k.handler = SIG_DFL;
    VALUE(syscall(SYS_rt_sigaction, SIGUSR2, &k, 8, 8));
    VALUE(syscall(SYS_rt_sigaction, SIGUSR2, NULL, &old, 8));
    say("%s\n", old.handler == SIG_DFL ? "was set all the same" : "was not set");
    // SA_UNSUPPORTED is how a program asks which flags are known.
    k = (struct kernel_action){.handler = handler, .flags = 0x400 | 0x800 | 0x1000};
    syscall(SYS_rt_sigaction, SIGUSR2, &k, NULL, 8);
    syscall(SYS_rt_sigaction, SIGUSR2, NULL, &old, 8);
    say("known of 0x1c00: %#lx\n", old.flags);
    reap("no restorer", CHILD(struct rlimit n = {}; setrlimit(RLIMIT_CORE, &n); k.flags = 0; syscall(SYS_rt_sigaction, SIGUSR2, &k, NULL, 8); raise(SIGUSR2)));
}
