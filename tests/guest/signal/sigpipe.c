// SIGPIPE and EPIPE of pipes and sockets, MSG_NOSIGNAL, and with the signal ignored, blocked or handled.
#include "check.h"

static void handler(int sig, siginfo_t *i, void *context) { (void)context; say("%s code %d own %d\n", signal_name(sig), i->si_code, i->si_pid == getpid()); }
int main(void) {
    int p[2], s[2];
    MUST(pipe(p));
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    close(p[0]);
    close(s[0]);
    reap("default", CHILD(write(p[1], "x", 1); _exit(1)));
    reap("socket", CHILD(send(s[1], "x", 1, 0); _exit(1)));
    VALUE(send(s[1], "x", 1, MSG_NOSIGNAL));
    handle_with(SIGPIPE, handler, 0);
    VALUE(write(p[1], "x", 1));
    VALUE(write(s[1], "x", 1));
    signal(SIGPIPE, SIG_IGN);
    VALUE(write(p[1], "x", 1));
    VALUE(write(p[1], "x", 0));
    signal(SIGPIPE, SIG_DFL);
    block(SIGPIPE, 0);
    VALUE(write(p[1], "x", 1));
    sigset_t q = set_of(SIGPIPE, 0);
    siginfo_t i;
    VALUE(sigwaitinfo(&q, &i) == SIGPIPE);
    say("code %d own %d\n", i.si_code, i.si_pid == getpid());
}
