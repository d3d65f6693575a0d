// Which interrupted calls SA_RESTART makes go on, and which end with EINTR all the same (signal(7)).
#include "interrupted.h"

int main(void) {
    parent = getpid();
    char c;
    int p[2], s[2];
    MUST(pipe(p));
    MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
    for (int round = 0; round < 2; round++) {
        handle_with(SIGUSR1, handler, round ? SA_RESTART : 0);
        say("SA_RESTART: %d\n", round);
        INTERRUPTED("read", write(p[1], "x", 1), read(p[0], &c, 1));
        if (!round) { fcntl(p[0], F_SETFL, O_NONBLOCK); read(p[0], &c, 1); fcntl(p[0], F_SETFL, 0); }
        INTERRUPTED("recv", send(s[1], "x", 1, 0), recv(s[0], &c, 1, 0));
        if (!round) recv(s[0], &c, 1, MSG_DONTWAIT);
        struct pollfd f = {.fd = p[0], .events = POLLIN};
        INTERRUPTED("poll", write(p[1], "x", 1), poll(&f, 1, 20000));
        if (!round) { fcntl(p[0], F_SETFL, O_NONBLOCK); read(p[0], &c, 1); fcntl(p[0], F_SETFL, 0); }
        fd_set set;
        FD_ZERO(&set);
        FD_SET(p[0], &set);
        INTERRUPTED("select", write(p[1], "x", 1), select(p[0] + 1, &set, NULL, NULL, NULL));
        fcntl(p[0], F_SETFL, O_NONBLOCK); read(p[0], &c, 1); fcntl(p[0], F_SETFL, 0);
        uint32_t word = 0;
        INTERRUPTED("futex", (void)0, syscall(SYS_futex, &word, 128, 0, &(struct timespec){0, 200000000}, NULL, 0));
        INTERRUPTED("nanosleep", (void)0, nanosleep(&(struct timespec){0, 300000000}, NULL));
        pid_t kid = CHILD(pause_ms(60));
        INTERRUPTED("waitpid", (void)0, waitpid(kid, NULL, 0) == kid ? 1 : -1);
        waitpid(kid, NULL, 0);
    }
}
