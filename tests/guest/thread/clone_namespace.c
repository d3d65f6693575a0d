// A thread with a namespace of its own, which its process's other threads are not in.
#include "check.h"
#include <linux/futex.h>
#include <sys/utsname.h>
// qemu-user: has no user namespaces

static char stack[1 << 16] __attribute__((aligned(16)));
static struct utsname inside;
static long done;
static pid_t running;

static int body(void *x UNUSED) {
    done = syscall(SYS_sethostname, "thread", 6);
    syscall(SYS_uname, &inside);
    syscall(SYS_exit, 0);
    return 0;
}

int main(void) {
    int flags = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM;
    struct utsname u;
    if (getuid()) VALUE(clone(body, stack + sizeof stack, flags | CLONE_NEWUTS, NULL));
    VALUE(clone(body, stack + sizeof stack, flags | CLONE_NEWUSER, NULL));
    VALUE(clone(body, stack + sizeof stack, flags | CLONE_NEWPID, NULL));
    if (unshare(CLONE_NEWUSER | CLONE_NEWUTS)) { say("%s\n", error_name(errno)); return 0; }
    MUST(sethostname("process", 7));
    MUST(clone(body, stack + sizeof stack, flags | CLONE_NEWUTS | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID, NULL, &running, NULL, &running));
    for (pid_t t; (t = __atomic_load_n(&running, __ATOMIC_ACQUIRE));) syscall(SYS_futex, &running, FUTEX_WAIT, t, NULL, NULL, 0);
    uname(&u);
    say("%ld %s %s\n", done, inside.nodename, u.nodename);
    return 0;
}
