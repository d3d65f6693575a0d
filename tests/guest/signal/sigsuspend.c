// sigsuspend(2): the mask is in force while waiting, the old one again in the frame and afterwards; EINTR always.
#include "check.h"

static volatile int count;
static void handler(int sig, siginfo_t *i, void *context) {
    (void)i;
    ucontext_t *u = context;
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    say("%s: in handler USR1 %d USR2 %d TERM %d, to be restored USR1 %d USR2 %d TERM %d\n", signal_name(sig), sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2),
        sigismember(&now, SIGTERM), sigismember(&u->uc_sigmask, SIGUSR1), sigismember(&u->uc_sigmask, SIGUSR2), sigismember(&u->uc_sigmask, SIGTERM));
    count++;
}

int main(void) {
    handle_with(SIGUSR1, handler, SA_RESTART);
    handle_with(SIGUSR2, handler, SA_RESTART);
    block(SIGUSR1, SIGUSR2);
    sigset_t wait = set_of(SIGTERM, SIGUSR2);
    raise(SIGUSR1);
    VALUE(sigsuspend(&wait));
    say("count %d\n", count);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    say("after: USR1 %d USR2 %d TERM %d\n", sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2), sigismember(&now, SIGTERM));
    pid_t me = getpid(), helper = CHILD(until_asleep(me); kill(me, SIGUSR2); usleep(2000); until_asleep(me); kill(me, SIGUSR1));
    VALUE(sigsuspend(&wait));
    say("count %d\n", count);
    reap("helper", helper);
    wait = set_of(0, 0);
    VALUE(sigsuspend(&wait));
    raise(SIGUSR1);
    raise(SIGUSR2);
    VALUE(sigsuspend(&wait));
    say("both at once: count %d\n", count);
    VALUE(syscall(SYS_rt_sigsuspend, &wait, 4));
    VALUE(syscall(SYS_rt_sigsuspend, 8, 8));
}
