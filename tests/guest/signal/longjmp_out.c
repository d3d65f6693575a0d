// siglongjmp out of handlers thousands of times, also from nested ones and from the alternate stack: nothing is used up.
#include "check.h"

static sigjmp_buf back;
static volatile int count;
static char stack[32768] __attribute__((aligned(16)));
static void handler(int sig, siginfo_t *i, void *context) {
    (void)i, (void)context;
    count++;
    if (sig == SIGUSR1) raise(SIGUSR2);
    siglongjmp(back, 1);
}
int main(void) {
    stack_t s = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&s, NULL);
    handle_with(SIGUSR1, handler, 0);
    handle_with(SIGUSR2, handler, SA_ONSTACK);
    handle_with(SIGSEGV, handler, SA_ONSTACK);
    for (volatile int n = 0; n < 2000; n++) if (!sigsetjmp(back, 1)) raise(SIGUSR1);
    say("nested %d\n", count);
    for (volatile int n = 0; n < 2000; n++) if (!sigsetjmp(back, 1)) *(volatile int *)8 = 1;
    say("faults %d\n", count);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    say("blocked: %d %d %d\n", sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2), sigismember(&now, SIGSEGV));
}
