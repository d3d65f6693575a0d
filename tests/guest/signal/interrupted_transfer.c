// A write or read that has moved something is not interrupted without saying so: the count comes back.
#include "check.h"

static void handler(int sig, siginfo_t *i, void *context) { (void)sig, (void)i, (void)context; }
int main(void) {
    handle_with(SIGUSR1, handler, 0);
    static char big[300000];
    int p[2];
    MUST(pipe(p));
    pid_t me = getpid(), helper = CHILD(until_asleep(me); kill(me, SIGUSR1));
    VALUE(write(p[1], big, sizeof big));
    reap("helper", helper);
    int size = fcntl(p[0], F_GETPIPE_SZ);
    say("pipe of %d\n", size);
    helper = CHILD(until_asleep(me); kill(me, SIGUSR1));
    VALUE(write(p[1], big, 10));
    reap("helper", helper);
    int s[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    helper = CHILD(send(s[1], big, 5, 0); until_asleep(me); kill(me, SIGUSR1));
    VALUE(recv(s[0], big, 100, MSG_WAITALL));
    reap("helper", helper);
    struct timespec rest = {9, 9};
    helper = CHILD(until_asleep(me); kill(me, SIGUSR1));
    VALUE(nanosleep(&(struct timespec){5, 0}, &rest));
    say("rest %s\n", rest.tv_sec == 4 && rest.tv_nsec > 0 ? "4 seconds and something" : "odd");
    reap("helper", helper);
    helper = CHILD(until_asleep(me); kill(me, SIGUSR1));
    rest.tv_sec = 77;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += 5;
    RETURNS(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, &rest));
    say("rest untouched %d\n", rest.tv_sec == 77);
    reap("helper", helper);
}
