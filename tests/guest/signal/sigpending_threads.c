// rt_sigpending: what waits for the process and for the thread, what another thread's is not, sizes; exec keeps it, fork does not.
#include "check.h"

static const int all[] = {SIGHUP, SIGINT, SIGUSR1, SIGUSR2, SIGSEGV, SIGFPE, SIGCHLD};
static void show(const char *who) {
    sigset_t s;
    MUST(sigpending(&s));
    say("%s:", who);
    for (unsigned n = 0; n < sizeof all / sizeof *all; n++) if (sigismember(&s, all[n])) say(" %s", signal_name(all[n]));
    for (int n = SIGRTMIN; n <= SIGRTMIN + 2; n++) if (sigismember(&s, n)) say(" %s", signal_name(n));
    say("\n");
}

static void *other(void *x) {
    pthread_kill(pthread_self(), SIGUSR2);
    pthread_kill(pthread_self(), SIGFPE);
    show("thread");
    return x;
}

int main(int argc, char **argv) {
    if (argc > 1) { show("after exec"); return 0; }
    sigset_t s;
    sigfillset(&s);
    sigprocmask(SIG_BLOCK, &s, NULL);
    show("nothing");
    kill(getpid(), SIGUSR1);
    raise(SIGINT);
    raise(SIGSEGV);
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){1});
    show("main");
    pthread_t t;
    pthread_create(&t, NULL, other, NULL);
    pthread_join(t, NULL);
    show("main");
    reap("child", CHILD(show("child")));
    uint64_t word = 0;
    VALUE(syscall(SYS_rt_sigpending, &word, 4));
    VALUE(syscall(SYS_rt_sigpending, &word, 9));
    VALUE(syscall(SYS_rt_sigpending, 8, 8));
    // Ignoring it takes it away.
    signal(SIGUSR1, SIG_IGN);
    show("ignored");
    struct timespec none = {0, 0};
    VALUE(sigtimedwait(&s, NULL, &none));
    show("taken");
    siginfo_t i;
    VALUE(sigtimedwait(&s, &i, &none) > 0);
    show("taken");
    execl("/proc/self/exe", argv[0], "x", NULL);
}
