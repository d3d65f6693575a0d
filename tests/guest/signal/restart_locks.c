// SA_RESTART for flock, F_SETLKW, open of a FIFO, accept, connect, write, waitid, mq_receive, futex: they go on.
#include "check.h"
static volatile int handled;
static void handler(int sig, siginfo_t *i, void *c) { (void)sig, (void)i, (void)c; handled++; }
#define GOES_ON(then, ...) do { pid_t me_ = getpid(); handled = 0; pid_t h_ = CHILD(until_asleep(me_); kill(me_, SIGUSR1); usleep(3000); until_asleep(me_); then); \
    VALUE(__VA_ARGS__); say("handled %d\n", handled); while (waitpid(h_, NULL, 0) == -1 && errno == EINTR) {} } while (0)
int main(void) {
    handle_with(SIGUSR1, handler, SA_RESTART);
    mkfifo("fifo", 0600);
    GOES_ON(open("fifo", O_WRONLY), open("fifo", O_RDONLY) > 0);
    struct gate g = gate_make(), r = gate_make();
    pid_t holder = CHILD(int f = open("l", O_CREAT | O_RDWR, 0600); flock(f, LOCK_EX); struct flock k = {.l_type = F_WRLCK}; fcntl(f, F_SETLK, &k); gate_open(r); gate_wait(g));
    gate_wait(r);
    int f = open("l", O_RDWR);
    struct flock k = {.l_type = F_WRLCK};
    pid_t other = CHILD(pause_ms(80); gate_open(g));
    pid_t me = getpid(), h = CHILD(until_asleep(me); kill(me, SIGUSR1));
    handled = 0;
    VALUE(flock(f, LOCK_EX));
    say("handled %d\n", handled);
    VALUE(fcntl(f, F_SETLKW, &k));
    reap("holder", holder), reap("other", other), reap("helper", h);
    struct sockaddr_un a = {AF_UNIX, "s"};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(s, (void *)&a, sizeof a), listen(s, 1);
    GOES_ON(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, sizeof a), accept(s, NULL, NULL) > 0);
    pid_t kid = CHILD(pause_ms(100); _exit(3));
    siginfo_t i;
    h = CHILD(until_asleep(me); kill(me, SIGUSR1));
    handled = 0;
    VALUE(waitid(P_PID, kid, &i, WEXITED));
    say("handled %d status %d\n", handled, i.si_status);
    reap("helper", h);
    int p[2];
    pipe(p);
    static char big[70000];
    write(p[1], big, 65536);
    GOES_ON(read(p[0], big, 65536), write(p[1], big, 10));
}
