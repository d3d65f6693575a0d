// pidfd_open, poll, waitid(P_PIDFD), pidfd_send_signal, pidfd_getfd.
#include "check.h"

int main(void) {
    struct gate g = gate_make();
    pid_t p = CHILD(gate_wait(g); _exit(21));
    int fd = WORKS(syscall(SYS_pidfd_open, p, 0));
    say("cloexec %d\n", fcntl(fd, F_GETFD));
    struct pollfd f = {.fd = fd, .events = POLLIN};
    VALUE(poll(&f, 1, 0));
    VALUE(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    int mine = WORKS(syscall(SYS_pidfd_getfd, fd, g.fd[1], 0));
    close(g.fd[1]);
    write(mine, "x", 1);
    VALUE(poll(&f, 1, 20000));
    say("revents %#x\n", f.revents);
    siginfo_t i = {};
    VALUE(waitid(P_PIDFD, fd, &i, WEXITED | WNOWAIT));
    say("code %d status %d pid %d\n", i.si_code, i.si_status, i.si_pid == p);
    VALUE(waitid(P_PIDFD, fd, &i, WEXITED));
    VALUE(waitid(P_PIDFD, fd, &i, WEXITED));
    VALUE(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
    VALUE(syscall(SYS_pidfd_open, -1, 0));
    VALUE(syscall(SYS_pidfd_open, getpid(), 12345678));
    VALUE(syscall(SYS_pidfd_send_signal, 1, SIGTERM, NULL, 0));
    VALUE(waitid(P_PIDFD, 1, &i, WEXITED));
    VALUE(waitid(P_PIDFD, -1, &i, WEXITED));
    fd = syscall(SYS_pidfd_open, getpid(), 0);
    siginfo_t q = {.si_code = SI_QUEUE, .si_signo = SIGUSR1};
    block(SIGUSR1, 0);
    VALUE(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, &q, 0));
    sigset_t s = set_of(SIGUSR1, 0);
    VALUE(sigwaitinfo(&s, &q) == SIGUSR1);
    say("code %d\n", q.si_code);
}
