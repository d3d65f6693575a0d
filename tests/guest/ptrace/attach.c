// PTRACE_ATTACH: a running process, one in a call, one that a handler serves; PTRACE_DETACH, with a signal and without.
#include "trace.h"

static volatile int handled;
static void handler(int s, siginfo_t *i, void *c) { (void)s; (void)c; handled = i->si_code; }

int main(void) {
    int *shared = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid_t p = CHILD(for (;;) { __asm__ volatile("lock incl %0" : "+m"(*shared) :: "memory"); if (shared[1]) _exit(11); });
    while (*(volatile int *)shared == 0) {}
    VALUE(trace(PTRACE_ATTACH, p, 0, 0));
    wait_for("spinning", p);
    siginfo_t info;
    TRACE(PTRACE_GETSIGINFO, p, 0, &info);
    say("signo %d code %d from us %d\n", info.si_signo, info.si_code, info.si_pid == getpid());
    int before = *(volatile int *)shared;
    pause_ms(30);
    say("stands still: %d\n", before == *(volatile int *)shared);
    say("orig_rax %lld\n", (long long)regs_of(p).orig_rax);
    VALUE(trace(PTRACE_ATTACH, p, 0, 0));
    TRACE(PTRACE_DETACH, p, 0, 0);
    while (*(volatile int *)shared == before) {}
    VALUE(trace(PTRACE_CONT, p, 0, 0));
    VALUE(trace(PTRACE_ATTACH, p, 0, 0));
    wait_for("again", p);
    shared[1] = 1;
    TRACE(PTRACE_DETACH, p, 0, 0);
    reap("detached", p);

    struct gate ready = gate_make();
    int pipes[2];
    MUST(pipe(pipes));
    p = CHILD(
        handle_with(SIGUSR1, handler, SA_RESTART);
        gate_open(ready);
        char c = 0;
        long n = read(pipes[0], &c, 1);
        say("read %ld %c, handled %d\n", n, c, handled));
    gate_wait(ready);
    until_asleep(p);
    VALUE(trace(PTRACE_ATTACH, p, 0, 0));
    wait_for("reading", p);
    struct user_regs_struct r = regs_of(p);
    say("orig_rax %lld, rax %lld\n", (long long)r.orig_rax, (long long)r.rax);
    TRACE(PTRACE_DETACH, p, 0, SIGUSR1);
    until_asleep(p);
    MUST(write(pipes[1], "y", 1));
    reap("reader", p);

    p = CHILD(gate_open(ready); struct timespec t = {0, 200000000}; say("nanosleep %d\n", nanosleep(&t, NULL)));
    gate_wait(ready);
    until_asleep(p);
    VALUE(trace(PTRACE_ATTACH, p, 0, 0));
    wait_for("sleeping", p);
    TRACE(PTRACE_CONT, p, 0, 0);
    wait_for("slept", p);
    VALUE(trace(PTRACE_ATTACH, getpid(), 0, 0));
    VALUE(trace(PTRACE_ATTACH, 0x3ffffff, 0, 0));
}
// qemu-user: has no ptrace
