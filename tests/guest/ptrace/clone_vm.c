// A child that shares memory (CLONE_VM), traced because its parent is.
#include "trace.h"

static char stack[65536] __attribute__((aligned(16)));
static int body(void *x) { (void)x; return 6; }
int main(void) {
    pid_t p = CHILD(TRACE(PTRACE_TRACEME, 0, 0, 0); raise(SIGSTOP); pid_t c = clone(body, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL); int s; waitpid(c, &s, 0); _exit(WEXITSTATUS(s)));
    wait_for("parent", p);
    TRACE(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE);
    TRACE(PTRACE_CONT, p, 0, 0);
    wait_for("parent", p);
    unsigned long m; TRACE(PTRACE_GETEVENTMSG, p, 0, &m);
    wait_for("child", m);
    TRACE(PTRACE_CONT, m, 0, 0);
    wait_for("child", m);
    TRACE(PTRACE_CONT, p, 0, 0);
    wait_for("parent", p);
    TRACE(PTRACE_CONT, p, 0, SIGCHLD);
    wait_for("parent", p);
}
// qemu-user: has no ptrace
