// SA_RESTART: opening a FIFO, flock, inotify, eventfd, timerfd and mqueue reads, waitid.
#include "interrupted.h"
#include <mqueue.h>
#include <sys/inotify.h>

int main(void) {
    parent = getpid();
    char name[64], b[8192];
    snprintf(name, sizeof name, "/felix-restart-%d", parent);
    MUST(mkfifo("f", 0600));
    for (int round = 0; round < 2; round++) {
        say("SA_RESTART: %d\n", round);
        handle_with(SIGUSR1, handler, round ? SA_RESTART : 0);
        INTERRUPTED("open", open("f", O_WRONLY); pause(), open("f", O_RDONLY) >= 0 ? 1 : -1);
        int held = MUST(open("l", O_RDWR | O_CREAT, 0600)), mine = MUST(open("l", O_RDWR));
        MUST(flock(held, LOCK_EX));
        INTERRUPTED("flock", flock(held, LOCK_UN), flock(mine, LOCK_EX));
        close(held), close(mine);
        int i = MUST(inotify_init());
        MUST(inotify_add_watch(i, ".", IN_CREATE));
        INTERRUPTED("inotify", close(open(round ? "n1" : "n0", O_CREAT | O_WRONLY, 0600)), read(i, b, sizeof b) > 0 ? 1 : -1);
        int e = MUST(eventfd(0, 0));
        INTERRUPTED("eventfd", eventfd_write(e, 3), read(e, b, 8));
        int t = MUST(timerfd_create(CLOCK_MONOTONIC, 0));
        INTERRUPTED("timerfd", timerfd_settime(t, 0, &(struct itimerspec){.it_value = {0, 1}}, NULL), read(t, b, 8));
        mqd_t q = mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
        if (q >= 0) INTERRUPTED("mq_receive", mq_send(q, "hello", 5, 1), mq_receive(q, b, sizeof b, NULL));
        mq_unlink(name);
        close(q);
        pid_t kid = CHILD(pause_ms(150));
        siginfo_t info;
        INTERRUPTED("waitid", (void)0, waitid(P_PID, kid, &info, WEXITED));
        waitpid(kid, NULL, 0);
        close(i), close(e), close(t);
    }
}
