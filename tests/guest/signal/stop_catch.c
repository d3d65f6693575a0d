// A handler for SIGTSTP and SIGCONT runs; blocked stop signals stay pending and SIGCONT takes them away.
#include "check.h"

static void handler(int sig, siginfo_t *i, void *context) { (void)i, (void)context; say("%s\n", signal_name(sig)); }
int main(void) {
    handle_with(SIGTSTP, handler, 0);
    handle_with(SIGCONT, handler, 0);
    raise(SIGTSTP);
    raise(SIGCONT);
    block(SIGTSTP, SIGCONT);
    sigset_t p;
    raise(SIGTSTP);
    sigpending(&p);
    say("TSTP %d CONT %d\n", sigismember(&p, SIGTSTP), sigismember(&p, SIGCONT));
    raise(SIGCONT);
    sigpending(&p);
    say("TSTP %d CONT %d\n", sigismember(&p, SIGTSTP), sigismember(&p, SIGCONT));
    raise(SIGTSTP);
    sigpending(&p);
    say("TSTP %d CONT %d\n", sigismember(&p, SIGTSTP), sigismember(&p, SIGCONT));
    unblock(SIGTSTP, SIGCONT);
    struct gate g = gate_make();
    pid_t child = CHILD(handle_with(SIGCONT, handler, 0); gate_open(g); pause(); _exit(3));
    gate_wait(g);
    until_asleep(child);
    kill(child, SIGSTOP);
    int status;
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGCONT);
    reap("child after SIGCONT's handler", child);
}
