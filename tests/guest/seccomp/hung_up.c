// qemu-user: makes plain forks and threads only
// seccomp_unotify(2): a listener hangs up when the last under its filter ends, though its descriptors live on (CLONE_FILES).
#include "check.h"
#include "filter.h"

int main(void) {
    no_new_privs();
    pid_t p = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (p == 0) {
        int l = INSTALL_WITH(SECCOMP_FILTER_FLAG_NEW_LISTENER, RETURN(SECCOMP_RET_ALLOW));
        dup2(l, 200);
        close(l);
        // One more that shares the table, and one that does not.
        pid_t q = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
        if (q == 0) _exit(1);
        reap("one", q);
        struct pollfd still = {.fd = 200, .events = POLLIN};
        say("still %d\n", poll(&still, 1, 0));
        reap("another", CHILD((void)0));
        _exit(0);
    }
    reap("child", p);
    struct pollfd poll_for = {.fd = 200, .events = POLLIN};
    VALUE(poll(&poll_for, 1, 10000));
    say("hung up %d\n", !!(poll_for.revents & POLLHUP));
}
