// exec: caught signals become default, ignored stay; timers go or stay, alarms stay; the pending stay pending.
#include "check.h"
static void handler(int sig) { (void)sig; }
int main(int argc, char **argv) {
    if (argc > 1) {
        sigset_t p;
        sigpending(&p);
        struct sigaction a, b;
        sigaction(SIGUSR1, NULL, &a);
        sigaction(SIGUSR2, NULL, &b);
        say("USR1 %s USR2 %s pending %d alarm %d\n", a.sa_handler == SIG_DFL ? "default" : "other", b.sa_handler == SIG_IGN ? "ignored" : "other", sigismember(&p, SIGHUP), alarm(0) > 50);
        VALUE(timer_delete((timer_t)0));
        VALUE(umask(0));
        return 0;
    }
    signal(SIGUSR1, handler);
    signal(SIGUSR2, SIG_IGN);
    block(SIGHUP, 0);
    raise(SIGHUP);
    alarm(100);
    umask(033);
    timer_t t;
    timer_create(CLOCK_MONOTONIC, NULL, &t);
    execv("/proc/self/exe", (char *[]){argv[0], "x", NULL});
}
