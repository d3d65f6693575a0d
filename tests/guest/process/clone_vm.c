// clone(CLONE_VM) without CLONE_THREAD: a process of its own that shares memory.
#include "check.h"

static volatile int shared;
static char stack[65536] __attribute__((aligned(16)));
static int body(void *x) {
    shared = (long)x;
    return getpid() == gettid() ? 11 : 12;
}
int main(void) {
    pid_t p = MUST(clone(body, stack + sizeof stack, CLONE_VM | SIGCHLD, (void *)42));
    reap("child", p);
    say("shared %d\n", shared);
    signal(SIGUSR1, SIG_IGN);
    p = MUST(clone(body, stack + sizeof stack, CLONE_VM | CLONE_FS | CLONE_FILES | SIGUSR1, (void *)43));
    int status;
    VALUE(waitpid(p, &status, 0));
    VALUE(waitpid(p, &status, __WCLONE) == p);
    say_status("clone child", status);
    say("shared %d\n", shared);
    p = MUST(clone(body, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)44));
    say("shared %d at once\n", shared);
    reap("vfork-like", p);
}
// qemu-user: makes a fork of CLONE_VM without CLONE_THREAD
