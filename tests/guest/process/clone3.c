// clone3(2): sizes, unknown bits, stack, exit_signal, and what clone refuses is refused.
#include "check.h"
#include <linux/sched.h>

int main(void) {
    struct { struct clone_args a; long more[4]; } x = {};
    struct clone_args *a = &x.a;
    a->exit_signal = SIGCHLD;
    VALUE(syscall(SYS_clone3, a, 32));
    VALUE(syscall(SYS_clone3, 8, sizeof *a));
    VALUE(syscall(SYS_clone3, a, 5000));
    long p = syscall(SYS_clone3, a, 64);
    if (p == 0) _exit(4);
    reap("smallest", p);
    p = syscall(SYS_clone3, &x, sizeof x);
    if (p == 0) _exit(5);
    reap("larger, zero", p);
    x.more[1] = 1;
    VALUE(syscall(SYS_clone3, &x, sizeof x));
    a->flags = 1UL << 60;
    VALUE(syscall(SYS_clone3, a, sizeof *a));
    a->flags = SIGCHLD;
    VALUE(syscall(SYS_clone3, a, sizeof *a));
    a->flags = 0;
    a->exit_signal = 300;
    VALUE(syscall(SYS_clone3, a, sizeof *a));
    a->exit_signal = SIGCHLD;
    a->stack = 4096;
    VALUE(syscall(SYS_clone3, a, sizeof *a));
    a->stack = 0;
    a->stack_size = 4096;
    VALUE(syscall(SYS_clone3, a, sizeof *a));
    a->stack_size = 0;
    a->flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
    VALUE(syscall(SYS_clone3, a, sizeof *a));
    a->flags = CLONE_CLEAR_SIGHAND;
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, (void (*)(int))main);
    p = syscall(SYS_clone3, a, sizeof *a);
    if (p == 0) {
        struct sigaction s, t;
        sigaction(SIGUSR1, NULL, &s);
        sigaction(SIGUSR2, NULL, &t);
        _exit((s.sa_handler == SIG_IGN) + 2 * (t.sa_handler == SIG_DFL));
    }
    reap("CLONE_CLEAR_SIGHAND", p);
}
