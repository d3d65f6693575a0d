// pthread_kill goes to that thread; kill(2) to any that does not block it; both are seen by sigpending.
#include "check.h"

static pthread_t other;
static struct gate ready, go;
static void handler(int sig, siginfo_t *i, void *context) {
    (void)context;
    say("%s on %s thread, code %d\n", signal_name(sig), pthread_equal(pthread_self(), other) ? "the other" : "the main", i->si_code);
}

static void *thread(void *x) {
    gate_open(ready);
    gate_wait(go);
    sigset_t p;
    sigpending(&p);
    say("the other thread's pending: USR1 %d USR2 %d\n", sigismember(&p, SIGUSR1), sigismember(&p, SIGUSR2));
    unblock(SIGUSR1, SIGUSR2);
    return x;
}

int main(void) {
    ready = gate_make(), go = gate_make();
    handle_with(SIGUSR1, handler, 0);
    handle_with(SIGUSR2, handler, 0);
    block(SIGUSR1, SIGUSR2);
    pthread_create(&other, NULL, thread, NULL);
    gate_wait(ready);
    RETURNS(pthread_kill(other, SIGUSR1));
    MUST(kill(getpid(), SIGUSR2));
    sigset_t p;
    sigpending(&p);
    say("the main thread's pending: USR1 %d USR2 %d\n", sigismember(&p, SIGUSR1), sigismember(&p, SIGUSR2));
    gate_open(go);
    pthread_join(other, NULL);
    sigpending(&p);
    say("left: USR1 %d USR2 %d\n", sigismember(&p, SIGUSR1), sigismember(&p, SIGUSR2));
    VALUE(syscall(SYS_tgkill, getpid(), 1, SIGUSR1));
    VALUE(syscall(SYS_tgkill, getpid(), 0, SIGUSR1));
    VALUE(syscall(SYS_tgkill, getpid(), getpid(), 65));
    VALUE(syscall(SYS_tkill, -1, SIGUSR1));
}
