// F_SETOWN, F_SETSIG and O_ASYNC: SIGIO or a signal of choice with descriptor and band; F_SETOWN_EX to a thread.
#include "check.h"

static volatile int count;
static int fd;
static void handler(int sig, siginfo_t *i, void *context) {
    (void)context;
    say("%s code %d band %#lx fd %s\n", signal_name(sig), i->si_code, i->si_code > 0 && i->si_code < 7 ? i->si_band : 0, i->si_fd == fd ? "ours" : "other");
    count++;
}
int main(void) {
    int s[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    fd = s[0];
    handle_with(SIGIO, handler, 0);
    handle_with(SIGRTMIN + 1, handler, 0);
    VALUE(fcntl(fd, F_SETOWN, getpid()));
    VALUE(fcntl(fd, F_GETOWN) == getpid());
    VALUE(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK));
    say("flags %#x\n", fcntl(fd, F_GETFL) & ~0100000);
    write(s[1], "x", 1);
    while (count < 1) usleep(100);
    VALUE(fcntl(fd, F_SETSIG, SIGRTMIN + 1));
    VALUE(fcntl(fd, F_GETSIG) == SIGRTMIN + 1);
    write(s[1], "y", 1);
    while (count < 2) usleep(100);
    struct f_owner_ex o = {F_OWNER_TID, gettid()};
    VALUE(fcntl(fd, F_SETOWN_EX, &o));
    memset(&o, 0, sizeof o);
    VALUE(fcntl(fd, F_GETOWN_EX, &o));
    say("owner %d %s\n", o.type, o.pid == gettid() ? "us" : "other");
    close(s[1]);
    while (count < 3) usleep(100);
    VALUE(fcntl(fd, F_SETSIG, 99));
    VALUE(fcntl(fd, F_SETOWN_EX, 8));
}
