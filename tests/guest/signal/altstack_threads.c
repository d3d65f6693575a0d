// Each thread has an alternate stack of its own, none at first; faults of threads are handled on theirs.
#include "check.h"
static _Thread_local char *low;
static _Thread_local sigjmp_buf back;
static void handler(int sig, siginfo_t *i, void *c) {
    (void)sig, (void)i, (void)c;
    char here;
    siglongjmp(back, &here >= low && &here < low + 32768 ? 2 : 1);
}
static void *thread(void *x) {
    stack_t s;
    sigaltstack(NULL, &s);
    int at_first = s.ss_flags;
    low = malloc(32768);
    s = (stack_t){.ss_sp = low, .ss_size = 32768};
    sigaltstack(&s, NULL);
    int good = 0;
    for (volatile int n = 0; n < 100; n++) { int r = sigsetjmp(back, 1); if (r == 0) *(volatile int *)8 = 1; good += r == 2; }
    *(int *)x = at_first * 1000 + good;
    return NULL;
}
int main(void) {
    handle_with(SIGSEGV, handler, SA_ONSTACK);
    static char mine[32768];
    sigaltstack(&(stack_t){.ss_sp = mine, .ss_size = sizeof mine}, NULL);
    pthread_t t[4];
    int r[4];
    for (int n = 0; n < 4; n++) pthread_create(&t[n], NULL, thread, &r[n]);
    for (int n = 0; n < 4; n++) { pthread_join(t[n], NULL); say("%d\n", r[n]); }
}
