// makecontext and swapcontext between stacks, with signal masks; a handler that switches.
#include "check.h"
static ucontext_t a, b;
static char stack[65536];
static int from_handler;
static void other(int x) {
    for (int n = 0; n < 3; n++) {
        sigset_t s;
        sigprocmask(SIG_BLOCK, NULL, &s);
        say("other %d, TERM blocked %d\n", x + n, sigismember(&s, SIGTERM));
        swapcontext(&b, &a);
    }
}
static void handler(int sig, siginfo_t *i, void *c) { (void)sig, (void)i, (void)c; from_handler++; swapcontext(&a, &b); }
int main(void) {
    getcontext(&b);
    b.uc_stack.ss_sp = stack, b.uc_stack.ss_size = sizeof stack, b.uc_link = &a;
    sigaddset(&b.uc_sigmask, SIGTERM);
    makecontext(&b, (void (*)(void))other, 1, 40);
    swapcontext(&a, &b);
    say("main\n");
    swapcontext(&a, &b);
    handle_with(SIGUSR1, handler, 0);
    raise(SIGUSR1);
    sigset_t s;
    sigprocmask(SIG_BLOCK, NULL, &s);
    say("back, handler ran %d, USR1 blocked %d\n", from_handler, sigismember(&s, SIGUSR1));
}
