// TF set by a handler in its context: the trap comes after the next instruction; blocked, it kills; other faults come first.
#include "check.h"

extern char here[];
static void sets(int sig, siginfo_t *i, void *context) {
    (void)sig, (void)i;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= 0x100;
}

static int count;
static void traced(int sig, siginfo_t *i, void *context) {
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    say("%s code %d at %+ld\n", signal_name(sig), i->si_code, (long)(g[REG_RIP] - (long)here));
    if (sig == SIGSEGV) g[REG_RIP] += 3;
    if (++count == 5) g[REG_EFL] &= ~0x100L;
}

#define RAISE "mov $62, %%eax; mov %0, %%edi; mov $10, %%esi; syscall;"

int main(void) {
    handle_with(SIGUSR1, sets, 0);
    handle_with(SIGTRAP, traced, 0);
    handle_with(SIGSEGV, traced, 0);
    // A load through a null pointer of three bytes: its exception, none of TF.
    __asm__ volatile(RAISE "here: nop; xor %%eax, %%eax; mov 8(%%rax), %%ebx; nop; nop; nop; nop"
        :: "r"(getpid()) : "rax", "rbx", "rcx", "rdi", "rsi", "r11", "memory");
    say("counted %d\n", count);
    reap("blocked", CHILD(block(SIGTRAP, 0); __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; nop" ::: "memory", "cc")));
    reap("ignored", CHILD(signal(SIGTRAP, SIG_IGN); __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; nop" ::: "memory", "cc")));
    reap("default", CHILD(signal(SIGTRAP, SIG_DFL); __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; nop" ::: "memory", "cc")));
}
