// mq_notify(3): SI_MESGQ and its value, one registration at a time, once only, none while a reader waits.
#include "check.h"
#include <mqueue.h>
// qemu-user: passes mq_notify's structure on wrongly

static void handler(int sig, siginfo_t *i, void *context) {
    (void)context;
    say("  %s code %d value %d pid own %d uid own %d\n", signal_name(sig), i->si_code, i->si_value.sival_int, i->si_pid == getpid(), i->si_uid == getuid());
}

int main(void) {
    char name[64], b[16384];
    snprintf(name, sizeof name, "/felix-notify-%d", getpid());
    mqd_t q = mq_open(name, O_CREAT | O_RDWR | O_NONBLOCK, 0600, &(struct mq_attr){.mq_maxmsg = 4, .mq_msgsize = 64});
    if (q == -1) { say("%s\n", error_name(errno)); return 0; }
    mq_unlink(name);
    handle_with(SIGUSR1, handler, 0);
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77};
    VALUE(mq_notify(q, &e));
    VALUE(mq_notify(q, &e));
    reap("child", CHILD(VALUE(mq_notify(q, &e))));
    VALUE(mq_send(q, "a", 1, 0));
    VALUE(mq_send(q, "b", 1, 0));
    VALUE(mq_receive(q, b, sizeof b, NULL));
    VALUE(mq_notify(q, &e));
    // Only when the queue was empty.
    VALUE(mq_send(q, "c", 1, 0));
    VALUE(mq_receive(q, b, sizeof b, NULL));
    VALUE(mq_receive(q, b, sizeof b, NULL));
    reap("sender", CHILD(mq_send(q, "d", 1, 0)));
    VALUE(mq_notify(q, NULL));
    e.sigev_signo = 65;
    VALUE(mq_notify(q, &e));
    e.sigev_notify = 9;
    VALUE(mq_notify(q, &e));
    VALUE(mq_notify(1, &e));
    e.sigev_notify = SIGEV_NONE;
    VALUE(mq_notify(q, &e));
}
