// clone3(2) with set_tid: the child's number in a PID namespace of its own, one that is taken, wrong ones; CLONE_INTO_CGROUP.
#include "check.h"
#include <linux/sched.h>
// qemu-user: has no clone3

static long make(struct clone_args *a) { return syscall(SYS_clone3, a, sizeof *a); }

int main(void) {
    pid_t ids[40] = {0};
    struct clone_args a = {.exit_signal = SIGCHLD, .set_tid = (long)ids, .set_tid_size = 33};
    VALUE(make(&a));
    a.set_tid_size = 0;
    VALUE(make(&a));
    a.set_tid = 0, a.set_tid_size = 1;
    VALUE(make(&a));
    a.set_tid = 8;
    VALUE(make(&a));
    a.set_tid = (long)ids;
    ids[0] = -5;
    VALUE(make(&a));
    ids[0] = 1;
    VALUE(make(&a));
    struct clone_args cg = {.exit_signal = SIGCHLD, .flags = CLONE_INTO_CGROUP, .cgroup = 1UL << 40};
    VALUE(make(&cg));
    cg.cgroup = MUST(open(".", O_RDONLY));
    VALUE(make(&cg));
    cg.cgroup = 60;
    VALUE(make(&cg));
    reap("namespace", CHILD(
        if (unshare(getuid() ? CLONE_NEWUSER | CLONE_NEWPID : CLONE_NEWPID)) { say("unshare: %s\n", error_name(errno)); _exit(0); }
        reap("init", CHILD(
            say("init is %d\n", getpid());
            ids[0] = 4321;
            struct gate g = gate_make();
            long p = make(&a);
            if (p == 0) { say("child is %d\n", getpid()); gate_open(g); pause(); }
            gate_wait(g);
            say("parent sees %ld\n", p);
            VALUE(make(&a));
            kill(p, SIGTERM);
            reap("child", p);
            ids[0] = 7, ids[1] = 0;
            a.set_tid_size = 2;
            VALUE(make(&a));
            p = fork();
            if (p == 0) _exit(getpid() != 4322);
            reap("next", p)));
    ));
}
