// pidfds: readiness, waitid with PIDFD_NONBLOCK, signals with siginfo, process_mrelease, fdinfo, wrong ones.
#include "check.h"
#include <sys/pidfd.h>
// qemu-user: does not know pidfds fully

static void handler(int sig, siginfo_t *i, void *context) { (void)context; _exit(sig == SIGUSR1 && i->si_code == SI_QUEUE ? 1 + i->si_value.sival_int : 1); }

int main(void) {
    struct gate g = gate_make();
    pid_t p = CHILD(handle_with(SIGUSR1, handler, 0); gate_open(g); for (;;) pause());
    gate_wait(g);
    int fd = MUST(syscall(SYS_pidfd_open, p, 0)), nb = syscall(SYS_pidfd_open, p, O_NONBLOCK);
    say("close-on-exec %d\n", fcntl(fd, F_GETFD));
    struct pollfd f = {.fd = fd, .events = POLLIN};
    VALUE(poll(&f, 1, 0));
    siginfo_t i;
    if (nb >= 0) VALUE(waitid(P_PIDFD, nb, &i, WEXITED));
    VALUE(syscall(SYS_process_mrelease, fd, 0));
    VALUE(syscall(SYS_process_mrelease, fd, 1));
    VALUE(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    siginfo_t q = {.si_signo = SIGUSR1, .si_code = SI_QUEUE, .si_value.sival_int = 5};
    VALUE(syscall(SYS_pidfd_send_signal, fd, SIGUSR2, &q, 0));
    q.si_code = SI_USER;
    VALUE(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, &q, 0));
    q.si_code = SI_QUEUE;
    VALUE(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, &q, 77));
    VALUE(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, &q, 0));
    VALUE(poll(&f, 1, 20000));
    say("revents %#x\n", f.revents & POLLIN);
    VALUE(waitid(P_PIDFD, fd, &i, WEXITED));
    say("code %d status %d\n", i.si_code, i.si_status);
    VALUE(waitid(P_PIDFD, fd, &i, WEXITED));
    VALUE(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    VALUE(syscall(SYS_pidfd_send_signal, 1, 0, NULL, 0));
    VALUE(syscall(SYS_pidfd_open, 99999999, 0));
    VALUE(syscall(SYS_pidfd_open, 0, 0));
    VALUE(syscall(SYS_pidfd_open, getpid(), 1));
    VALUE(read(fd, &i, 1));
}
