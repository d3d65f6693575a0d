// SS_AUTODISARM: the alternate stack is off while a handler runs on it and back afterwards; swapcontext-like use is safe.
#include "check.h"
#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

static char stack[65536] __attribute__((aligned(16))), second[65536] __attribute__((aligned(16)));
static void show(const char *when) {
    stack_t s;
    MUST(sigaltstack(NULL, &s));
    say("%s: flags %#x size %zu\n", when, s.ss_flags, s.ss_size);
}
static void handler(int sig, siginfo_t *i, void *context) {
    (void)i;
    char here;
    ucontext_t *u = context;
    say("%s on %s, uc_stack %#x %zu\n", signal_name(sig), &here >= stack && &here < stack + sizeof stack ? "first"
        : &here >= second && &here < second + sizeof second ? "second" : "normal", u->uc_stack.ss_flags, u->uc_stack.ss_size);
    show("inside");
    if (sig == SIGUSR1) {
        stack_t s = {.ss_sp = second, .ss_size = sizeof second};
        VALUE(sigaltstack(&s, NULL));
        raise(SIGUSR2);
    }
}

int main(void) {
    handle_with(SIGUSR1, handler, SA_ONSTACK);
    handle_with(SIGUSR2, handler, SA_ONSTACK);
    stack_t s = {.ss_sp = stack, .ss_size = sizeof stack, .ss_flags = SS_AUTODISARM};
    VALUE(sigaltstack(&s, NULL));
    show("set");
    raise(SIGUSR1);
    show("after");
    raise(SIGUSR2);
    s.ss_flags = SS_AUTODISARM | SS_ONSTACK;
    VALUE(sigaltstack(&s, NULL));
    show("with SS_ONSTACK");
    s.ss_flags = SS_AUTODISARM | SS_DISABLE;
    VALUE(sigaltstack(&s, NULL));
    show("with SS_DISABLE");
}
