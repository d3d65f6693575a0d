// SA_RESETHAND: once, then the default; sigaction(2)'s old action shows what is left.
#include "check.h"

static void handler(int sig, siginfo_t *i, void *context) {
    (void)i, (void)context;
    struct sigaction a;
    sigaction(sig, NULL, &a);
    say("%s: inside %s flags %#x\n", signal_name(sig), a.sa_handler == SIG_DFL ? "default" : "handler", a.sa_flags & ~0x04000000);
}

int main(void) {
    handle_with(SIGUSR1, handler, SA_RESETHAND);
    struct sigaction a;
    sigaction(SIGUSR1, NULL, &a);
    say("flags %#x\n", a.sa_flags & ~0x04000000);
    raise(SIGUSR1);
    reap("second", CHILD(raise(SIGUSR1)));
    handle_with(SIGCHLD, handler, SA_RESETHAND | SA_NODEFER);
    raise(SIGCHLD);
    raise(SIGCHLD);
    sigaction(SIGCHLD, NULL, &a);
    say("SIGCHLD %s\n", a.sa_handler == SIG_DFL ? "default" : "handler");
    reap("SIGSEGV once", CHILD(handle_with(SIGSEGV, handler, SA_RESETHAND); struct rlimit n = {}; setrlimit(RLIMIT_CORE, &n); *(volatile int *)1 = 0));
}
