// The main stack grows as it is used, up to its limit; guard pages of threads fault.
#include "check.h"
static sigjmp_buf back;
static char alt[32768];
static void handler(int sig, siginfo_t *i, void *c) { (void)sig, (void)c; siglongjmp(back, i->si_code); }
static int use(int kb) { volatile char b[1024]; b[0] = kb; return kb <= 1 ? b[0] : use(kb - 1) + (b[0] & 1); }
static void *thread(void *x) {
    stack_t s = {.ss_sp = malloc(32768), .ss_size = 32768};
    sigaltstack(&s, NULL);
    say("thread uses %d\n", use(100) > 0);
    int r = sigsetjmp(back, 1);
    if (!r) use(10000);
    say("thread overflow code %d\n", r);
    return x;
}
int main(void) {
    stack_t s = {.ss_sp = alt, .ss_size = sizeof alt};
    sigaltstack(&s, NULL);
    handle_with(SIGSEGV, handler, SA_ONSTACK);
    say("uses %d\n", use(6000) > 0);
    pthread_attr_t a;
    pthread_attr_init(&a);
    pthread_attr_setstacksize(&a, 512 << 10);
    pthread_t t;
    pthread_create(&t, &a, thread, NULL);
    pthread_join(t, NULL);
    void *low;
    size_t size;
    pthread_getattr_np(pthread_self(), &a);
    pthread_attr_getstack(&a, &low, &size);
    say("stack large %d contains us %d\n", size >> 20 >= 6, (char *)&a > (char *)low && (char *)&a < (char *)low + size);
}
