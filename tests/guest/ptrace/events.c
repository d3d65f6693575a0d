// PTRACE_O_TRACE*: the events of fork, vfork, clone, exec and exit, their messages, and the children traced from birth.
#include "trace.h"

static char stack[65536] __attribute__((aligned(16)));
static int thread_body(void *x) { (void)x; return 0; }
static void *empty(void *x) { return x; }

static void act(const char *what) {
    if (!strcmp(what, "fork")) { pid_t c = fork(); if (c == 0) _exit(4); waitpid(c, NULL, 0); }
    if (!strcmp(what, "vfork")) { pid_t c = vfork(); if (c == 0) _exit(5); waitpid(c, NULL, 0); }
    if (!strcmp(what, "clone")) { pid_t c = clone(thread_body, stack + sizeof stack, SIGUSR2, NULL); waitpid(c, NULL, __WALL); }
    if (!strcmp(what, "thread")) { pthread_t t; pthread_create(&t, NULL, empty, NULL); pthread_join(t, NULL); }
    if (!strcmp(what, "exec")) again("end");
    _exit(7);
}

int main(int argc, char **argv) {
    if (argc > 1) return 9;
    const char *all[] = {"fork", "vfork", "clone", "thread", "exec"};
    for (int i = 0; i < 5; i++) {
        say("-- %s\n", all[i]);
        pid_t p = CHILD(TRACE(PTRACE_TRACEME, 0, 0, 0); signal(SIGUSR2, SIG_IGN); raise(SIGSTOP); act(all[i]));
        wait_for("parent", p);
        TRACE(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT);
        TRACE(PTRACE_CONT, p, 0, 0);
        pid_t child = 0;
        for (;;) {
            int status = wait_for("parent", p);
            if (!WIFSTOPPED(status)) break;
            int event = status >> 16, sig = WSTOPSIG(status);
            unsigned long message = 0;
            TRACE(PTRACE_GETEVENTMSG, p, 0, &message);
            siginfo_t info;
            if (event) {
                TRACE(PTRACE_GETSIGINFO, p, 0, &info);
                say("  code %#x, orig_rax %lld\n", info.si_code, event == PTRACE_EVENT_EXEC || event == PTRACE_EVENT_EXIT ? 0 : (long long)regs_of(p).orig_rax);
            }
            if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
                child = message;
                say("  child %d\n", child > 0 && child != p);
                wait_for("  child", child);
                say("  rax %lld\n", (long long)regs_of(child).rax);
                TRACE(PTRACE_CONT, child, 0, 0);
                int s = wait_for("  child", child);
                while (WIFSTOPPED(s)) { TRACE(PTRACE_CONT, child, 0, s >> 16 ? 0 : WSTOPSIG(s)); s = wait_for("  child", child); }
            } else if (event == PTRACE_EVENT_EXIT) say("  message %#lx\n", message);
            else if (event) say("  message %s\n", (pid_t)message == p ? "itself" : (pid_t)message == child ? "the child" : "?");
            TRACE(PTRACE_CONT, p, 0, event ? 0 : sig);
        }
    }
}
// qemu-user: has no ptrace
