// sigaltstack(2): where handlers run, what the frame and the call say about it, what is refused.
#include "check.h"

static char stack[65536] __attribute__((aligned(16)));
static int depth;
static const char *place(void) {
    char here;
    return &here >= stack && &here < stack + sizeof stack ? "alternate" : "normal";
}
static void show(const char *when) {
    stack_t s;
    MUST(sigaltstack(NULL, &s));
    say("%s: flags %d size %zu sp %s\n", when, s.ss_flags, s.ss_size, s.ss_sp == stack ? "ours" : s.ss_sp ? "other" : "null");
}
static void handler(int sig, siginfo_t *i, void *context) {
    (void)i;
    ucontext_t *u = context;
    say("%s on the %s stack, uc_stack flags %d size %zu\n", signal_name(sig), place(), u->uc_stack.ss_flags, u->uc_stack.ss_size);
    show("inside");
    stack_t off = {.ss_flags = SS_DISABLE};
    VALUE(sigaltstack(&off, NULL));
    if (depth++ == 0) raise(SIGUSR2);
}

int main(void) {
    show("at first");
    handle_with(SIGUSR1, handler, 0);
    handle_with(SIGUSR2, handler, SA_ONSTACK);
    raise(SIGUSR1);
    stack_t s = {.ss_sp = stack, .ss_size = 1000};
    VALUE(sigaltstack(&s, NULL));
    s.ss_size = sizeof stack;
    s.ss_flags = 99;
    VALUE(sigaltstack(&s, NULL));
    s.ss_flags = SS_ONSTACK;
    VALUE(sigaltstack(&s, NULL));
    show("set with SS_ONSTACK");
    s.ss_flags = 0;
    VALUE(sigaltstack(&s, NULL));
    show("set");
    depth = 0;
    raise(SIGUSR1);
    raise(SIGUSR2);
    show("after");
    stack_t off = {.ss_flags = SS_DISABLE};
    VALUE(sigaltstack(&off, &s));
    say("old size %zu\n", s.ss_size);
    show("off");
    VALUE(sigaltstack((void *)8, NULL));
    VALUE(sigaltstack(NULL, (void *)8));
}
