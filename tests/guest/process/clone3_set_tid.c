// clone3(2) with set_tid: the child's number in a PID namespace of its own, one that is taken, wrong ones; CLONE_INTO_CGROUP; the
// same for children that share memory.
#include "check.h"
#include <linux/sched.h>
// qemu-user: has no clone3

static long make(struct clone_args *a) { return syscall(SYS_clone3, a, sizeof *a); }

static char stack[64 * 1024] __attribute__((aligned(16)));
static atomic_int held;
static void sharing(void) { while (held) syscall(SYS_sched_yield); say("it is %ld\n", syscall(SYS_getpid)); syscall(SYS_exit, 3); }
// The child runs `sharing` and does not return.
static long make_sharing(struct clone_args a, unsigned long flags) {
    long r;
    a.flags |= CLONE_VM | flags;
    if (!(flags & CLONE_VFORK)) a.stack = (long)stack, a.stack_size = sizeof stack;
    __asm__ volatile("syscall; test %%rax, %%rax; jnz 1f; call *%%rbx; 1:" : "=a"(r)
                     : "a"(SYS_clone3), "D"(&a), "S"(sizeof a), "b"(sharing) : "rcx", "r11", "memory");
    return r < 0 ? (errno = -r, -1) : r;
}

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
    VALUE(make_sharing(a, 0));
    VALUE(make_sharing(a, CLONE_VFORK));
    VALUE(make_sharing(cg, 0));
    VALUE(make_sharing(cg, CLONE_VFORK));
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
            reap("next", p);
            ids[0] = 4400;
            a.set_tid_size = 1;
            p = make_sharing(a, CLONE_VFORK);
            say("parent sees %ld\n", p);
            reap("vfork", p);
            held = 1;
            p = make_sharing(a, 0);
            say("parent sees %ld\n", p);
            VALUE(make_sharing(a, 0));
            VALUE(make_sharing(a, CLONE_VFORK));
            held = 0;
            reap("sharing", p)));
    ));
}
