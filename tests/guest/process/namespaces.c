// unshare and clone with namespaces: user, UTS, PID: what the child sees, and errors.
#include "check.h"
#include <sys/utsname.h>
int main(void) {
    if (getuid() != 0) { say("not root\n"); return 0; }
    reap("uts", CHILD(VALUE(unshare(CLONE_NEWUTS)); VALUE(sethostname("inside", 6)); struct utsname u; uname(&u); say("%s\n", u.nodename)));
    long p = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
    if (p == 0) { say("pid %d parent %d\n", getpid(), getppid()); _exit(4); }
    reap("pid namespace", p);
    reap("fs", CHILD(VALUE(unshare(CLONE_FS | CLONE_FILES)); VALUE(unshare(CLONE_NEWNS)); VALUE(unshare(0x3))));
    VALUE(syscall(SYS_setns, 1, 0));
    VALUE(unshare(0));
}
// qemu-user: makes plain forks and threads only
