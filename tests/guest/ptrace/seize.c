// PTRACE_SEIZE, PTRACE_INTERRUPT and PTRACE_LISTEN: no stop until one is asked for, group-stops that are kept, threads born
// traced.
#include "trace.h"

static void *spin(void *x) { volatile int *stop = x; while (!*stop) {} return x; }

int main(void) {
    volatile int *shared = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pid_t p = CHILD(for (;;) { shared[0]++; if (shared[1]) _exit(11); });
    while (shared[0] == 0) {}
    VALUE(trace(PTRACE_SEIZE, p, 1, 0));
    VALUE(trace(PTRACE_SEIZE, p, 0, 0x800000));
    VALUE(trace(PTRACE_SEIZE, p, 0, PTRACE_O_TRACESYSGOOD));
    VALUE(trace(PTRACE_GETREGS, p, 0, 0));
    int status;
    VALUE(waitpid(p, &status, WNOHANG));
    VALUE(trace(PTRACE_INTERRUPT, p, 0, 0));
    wait_for("interrupted", p);
    siginfo_t info;
    TRACE(PTRACE_GETSIGINFO, p, 0, &info);
    say("signo %d code %#x\n", info.si_signo, info.si_code);
    int before = shared[0];
    pause_ms(20);
    say("stands still: %d\n", before == shared[0]);
    TRACE(PTRACE_CONT, p, 0, 0);
    while (shared[0] == before) {}
    say("group-stop\n");
    MUST(kill(p, SIGSTOP));
    wait_for("signal", p);
    TRACE(PTRACE_CONT, p, 0, SIGSTOP);
    wait_for("group-stop", p);
    VALUE(trace(PTRACE_GETSIGINFO, p, 0, (long)&info));
    say("code %#x\n", info.si_code);
    VALUE(trace(PTRACE_LISTEN, p, 0, 0));
    VALUE(waitpid(p, &status, WNOHANG));
    MUST(kill(p, SIGCONT));
    wait_for("continued", p);
    TRACE(PTRACE_CONT, p, 0, 0);
    wait_for("SIGCONT", p);
    shared[1] = 1;
    TRACE(PTRACE_DETACH, p, 0, 0);
    reap("detached", p);

    say("-- threads\n");
    shared[1] = shared[2] = 0;
    p = CHILD(
        while (!shared[2]) {}
        pthread_t t[2];
        for (int i = 0; i < 2; i++) pthread_create(&t[i], NULL, spin, (void *)&shared[1]);
        for (int i = 0; i < 2; i++) pthread_join(t[i], NULL);
        _exit(12));
    TRACE(PTRACE_SEIZE, p, 0, PTRACE_O_TRACECLONE);
    shared[2] = 1;
    pid_t threads[2];
    for (int i = 0; i < 2; i++) {
        wait_for("clone", p);
        unsigned long message;
        TRACE(PTRACE_GETEVENTMSG, p, 0, &message);
        threads[i] = message;
        wait_for("birth", threads[i]);
        say("rax %lld\n", (long long)regs_of(threads[i]).rax);
        TRACE(PTRACE_CONT, threads[i], 0, 0);
        TRACE(PTRACE_CONT, p, 0, 0);
    }
    pause_ms(20);
    for (int i = 0; i < 2; i++) TRACE(PTRACE_INTERRUPT, threads[i], 0, 0);
    for (int i = 0; i < 2; i++) wait_for("thread", threads[i]);
    shared[1] = 1;
    for (int i = 0; i < 2; i++) TRACE(PTRACE_CONT, threads[i], 0, 0);
    // With the process's status, if it is first.
    for (int i = 0; i < 2; i++) {
        int end = 0;
        MUST(waitpid(threads[i], &end, __WALL));
        say("thread: exited %d\n", WIFEXITED(end));
    }
    wait_for("process", p);
}
// qemu-user: has no ptrace
