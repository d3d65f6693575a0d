// POSIX message queues: priorities, attributes, timeouts, notification by signal.
#include "check.h"
#include <mqueue.h>
static volatile int got;
static void handler(int sig, siginfo_t *i, void *c) { (void)c; say("%s code %d value %d\n", signal_name(sig), i->si_code, i->si_value.sival_int); got++; }
int main(void) {
    char name[40], b[64] = {};
    snprintf(name, sizeof name, "/felix-guest-%d", getpid());
    struct mq_attr a = {.mq_maxmsg = 3, .mq_msgsize = 20};
    int q = WORKS(mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &a));
    if (q < 0) return 0;
    VALUE(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &a));
    VALUE(mq_send(q, "low", 3, 1));
    VALUE(mq_send(q, "high", 4, 9));
    VALUE(mq_send(q, "mid", 3, 5));
    VALUE(mq_send(q, "full", 4, 5));
    VALUE(mq_send(q, "much too long for this queue", 28, 5));
    VALUE(mq_getattr(q, &a));
    say("max %ld size %ld now %ld flags %#lx\n", a.mq_maxmsg, a.mq_msgsize, a.mq_curmsgs, a.mq_flags);
    unsigned prio;
    for (int n = 0; n < 4; n++) { VALUE(mq_receive(q, b, 64, &prio)); say("%.4s %u\n", b, prio); }
    VALUE(mq_receive(q, b, 5, NULL));
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 55};
    handle_with(SIGUSR1, handler, 0);
    VALUE(mq_notify(q, &e));
    VALUE(mq_notify(q, &e));
    VALUE(mq_send(q, "x", 1, 0));
    while (!got) usleep(100);
    a.mq_flags = 0;
    VALUE(mq_setattr(q, &a, NULL));
    VALUE(mq_receive(q, b, 64, NULL));
    struct timespec t = {1, 0};
    VALUE(mq_timedreceive(q, b, 64, NULL, &t));
    VALUE(mq_unlink(name));
    VALUE(mq_unlink(name));
    VALUE(mq_open("noslash", O_RDWR));
}
// qemu-user: has no mq_notify
