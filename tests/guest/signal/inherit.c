// What fork and exec keep of signals: fork keeps mask, actions and no pending ones; exec keeps mask and ignored ones.
#include "check.h"

static void handler(int sig) { (void)sig; }
int main(int argc, char **argv) {
    (void)argc;
    sigset_t now, pending;
    if (!strcmp(argv[0], "again")) {
        sigprocmask(SIG_BLOCK, NULL, &now);
        sigpending(&pending);
        for (int n = 1; n <= 31; n++) {
            struct sigaction a;
            sigaction(n, NULL, &a);
            if (a.sa_handler != SIG_DFL || sigismember(&now, n) || sigismember(&pending, n))
                say("%s%s%s%s\n", signal_name(n), a.sa_handler == SIG_IGN ? " ignored" : a.sa_handler == SIG_DFL ? "" : " handled",
                    sigismember(&now, n) ? " blocked" : "", sigismember(&pending, n) ? " pending" : "");
        }
        stack_t s;
        sigaltstack(NULL, &s);
        say("alternate stack flags %d\n", s.ss_flags);
        return 0;
    }
    signal(SIGUSR1, handler);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGSEGV, SIG_IGN);
    signal(SIGBUS, handler);
    signal(SIGCHLD, SIG_DFL);
    block(SIGHUP, SIGTERM);
    block(SIGSEGV, SIGFPE);
    raise(SIGHUP);
    static char stack[20000];
    stack_t s = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&s, NULL);
    reap("child", CHILD(
        sigpending(&pending);
        struct sigaction a;
        sigaction(SIGUSR1, NULL, &a);
        sigaltstack(NULL, &s);
        say("forked: HUP pending %d, handler %s, alternate stack %zu\n", sigismember(&pending, SIGHUP), a.sa_handler == handler ? "kept" : "lost", s.ss_size)));
    execv("/proc/self/exe", (char *[]){"again", NULL});
    give_up("exec", __LINE__);
}
// qemu-user: does not ignore SIGSEGV over exec
