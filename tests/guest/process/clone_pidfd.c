// CLONE_PIDFD by clone and clone3: a descriptor for the child, close-on-exec.
#include "check.h"
#include <linux/sched.h>

int main(void) {
    int fd = -1;
    long p = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);
    if (p == 0) _exit(9);
    say("clone %s fd %s cloexec %d\n", p > 0 ? "works" : error_name(errno), fd > 2 ? "there" : "not there", fcntl(fd, F_GETFD));
    siginfo_t i = {};
    VALUE(waitid(P_PIDFD, fd, &i, WEXITED));
    say("code %d status %d\n", i.si_code, i.si_status);
    struct pollfd f = {.fd = fd, .events = POLLIN};
    VALUE(poll(&f, 1, 1000));
    close(fd);
    struct clone_args a = {.flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .exit_signal = SIGCHLD};
    int tid = 0;
    fd = -1;
    a.pidfd = (long)&fd;
    a.parent_tid = (long)&tid;
    p = syscall(SYS_clone3, &a, sizeof a);
    if (p == 0) pause_ms(20000);
    say("clone3 %s fd %s tid %s\n", p > 0 ? "works" : error_name(errno), fd > 2 ? "there" : "not there", tid == p ? "told" : "not told");
    VALUE(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
    reap("child", p);
    VALUE(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
}
