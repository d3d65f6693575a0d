// A handler that raises its own signal: once afterwards without SA_NODEFER, at once with it.
#include "check.h"
static int depth, times;
static void handler(int sig, siginfo_t *i, void *c) {
    (void)i, (void)c;
    say("%*s>%d\n", ++depth, "", times);
    if (times++ < 3) { raise(sig); raise(sig); }
    say("%*s<\n", depth--, "");
}
int main(void) {
    handle_with(SIGUSR1, handler, 0);
    raise(SIGUSR1);
    times = 0;
    handle_with(SIGUSR1, handler, SA_NODEFER);
    raise(SIGUSR1);
}
