// signalfd(2): records, poll, several at once, change of the mask, O_NONBLOCK.
#include "check.h"

int main(void) {
    sigset_t set = set_of(SIGUSR1, SIGRTMIN);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = WORKS(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    struct signalfd_siginfo s[4];
    say("record %zu bytes\n", sizeof s[0]);
    VALUE(read(fd, s, sizeof s));
    struct pollfd p = {.fd = fd, .events = POLLIN};
    VALUE(poll(&p, 1, 0));
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 42});
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 43});
    kill(getpid(), SIGUSR1);
    pid_t child = CHILD(_exit(5));
    siginfo_t i;
    waitid(P_PID, child, &i, WEXITED | WNOWAIT);
    VALUE(poll(&p, 1, 0));
    VALUE(read(fd, s, 10));
    ssize_t n = VALUE(read(fd, s, sizeof s));
    for (int k = 0; k < n / (int)sizeof s[0]; k++)
        say("%s code %d own %d child %d int %d status %d\n", signal_name(s[k].ssi_signo), s[k].ssi_code, s[k].ssi_pid == (unsigned)getpid(),
            s[k].ssi_pid == (unsigned)child, s[k].ssi_int, s[k].ssi_status);
    reap("child", child);
    sigset_t other = set_of(SIGUSR2, 0);
    sigprocmask(SIG_BLOCK, &other, NULL);
    VALUE(signalfd(fd, &other, 0) == fd);
    raise(SIGUSR1);
    VALUE(read(fd, s, sizeof s));
    raise(SIGUSR2);
    VALUE(read(fd, s, sizeof s));
    VALUE(signalfd(0, &set, 0));
    VALUE(signalfd(-1, &set, 99));
    VALUE(syscall(SYS_signalfd4, -1, 8, 8, 0));
}
