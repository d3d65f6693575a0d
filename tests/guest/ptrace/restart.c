// qemu-user: has no ptrace
// restart_syscall(2): what a tracer sees of a wait that a signal interrupts and no handler does, and how long it takes.
#include "trace.h"

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void waits(int which) {
    struct timespec t = {.tv_nsec = 600000000};
    if (which == 0) VALUE(syscall(SYS_nanosleep, &t, NULL));
    if (which == 1) VALUE(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &t, NULL));
    if (which == 2) VALUE(syscall(SYS_poll, NULL, 0, 600));
    if (which == 3) VALUE(syscall(SYS_ppoll, NULL, 0, &t, NULL, 8));
}

int main(void) {
    for (int which = 0; which < 4; which++) {
        pid_t p = CHILD(
            TRACE(PTRACE_TRACEME, 0, 0, 0);
            raise(SIGSTOP);
            long long begin = now();
            waits(which);
            long long took = now() - begin;
            // The last starts again from the beginning.
            say("took its time %d\n", took >= 600 && (which == 3 || took < 950)));
        wait_for("child", p);
        TRACE(PTRACE_CONT, p, 0, 0);
        usleep(400000);
        kill(p, SIGUSR1);
        wait_for("child", p);
        struct user_regs_struct r = regs_of(p);
        say("call %lld rax %lld\n", r.orig_rax, r.rax);
        TRACE(PTRACE_SYSCALL, p, 0, 0);
        wait_for("child", p);
        r = regs_of(p);
        say("call %lld rax %lld\n", r.orig_rax, r.rax);
        TRACE(PTRACE_CONT, p, 0, 0);
        wait_for("child", p);
    }
}
