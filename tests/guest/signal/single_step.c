// TF: a trap after each next instruction, its RIP and siginfo; over REP, SYSCALL, POPF and PUSHF, MOV SS, through sigreturn.
#include "check.h"

extern char nops[], nops_end[], rep[], rep_end[], sys[], sys_end[], flags[], flags_end[], ss[], ss_end[], jumps[], jumps_end[];
static const char *name, *base, *end;
static int steps;

static void handler(int sig, siginfo_t *i, void *context) {
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    char *rip = (char *)g[REG_RIP];
    if (rip >= base && rip <= end)
        say("%s+%ld: signo %d code %d errno %d addr %s trapno %lld err %lld TF %d rcx %lld\n", name, (long)(rip - base), sig, i->si_code, i->si_errno,
            i->si_addr == rip ? "rip" : "other", g[REG_TRAPNO], g[REG_ERR], (int)(g[REG_EFL] >> 8 & 1), name[0] == 'r' && rip != base + 3 ? g[REG_RCX] : 0);
    else if (++steps == 60) {
        say("%s: runs on\n", name);
        g[REG_EFL] &= ~0x100L;
    }
}

#define ON "pushfq\n orq $0x100, (%%rsp)\n popfq\n"
#define OFF "pushfq\n andq $~0x100, (%%rsp)\n popfq\n"
#define RUN(what, code, ...) do { name = #what; base = what; end = what##_end; steps = 0; \
    __asm__ volatile("sub $128, %%rsp\n" ON #what ": " code "\n" OFF #what "_end: nop\n add $128, %%rsp" __VA_ARGS__); } while (0)

int main(void) {
    handle_with(SIGTRAP, handler, 0);
    long buffer[4] = {0};
    RUN(nops, "nop; nop; mov $1, %%eax", ::: "eax", "memory", "cc");
    RUN(rep, "mov %0, %%rdi; mov $3, %%ecx; rep stosb; xor %%ecx, %%ecx; rep stosb; mov $4, %%ecx; mov %0, %%rdi; mov $1, %%al; movb %%al, 2(%%rdi); repne scasb", :: "r"(buffer) : "rax", "rcx", "rdi", "memory", "cc");
    RUN(sys, "mov $39, %%eax; syscall; nop; nop", ::: "rax", "rcx", "r11", "memory", "cc");
    RUN(flags, "pushfq; pop %%rax; push %%rax; popfq; nop", ::: "rax", "memory", "cc");
    RUN(ss, "mov %%ss, %%eax; mov %%eax, %%ss; nop; nop", ::: "rax", "memory", "cc");
    RUN(jumps, "mov $2, %%ecx; 1: loop 1b; jmp 2f; nop; 2: call 3f; jmp 4f; 3: ret; 4: nop", ::: "rcx", "memory", "cc");
    say("done\n");
}
