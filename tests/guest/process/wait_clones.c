// Waiting for clones: __WCLONE, __WALL, __WNOTHREAD, children of other threads, waitid's codes of stops and their signals.
#include "check.h"
// qemu-user: makes only children whose end is told by SIGCHLD

static int no(void *x) { (void)x; return 9; }
static char stack[65536];
static atomic_int child;
static void *other(void *x) {
    int status;
    VALUE(waitpid(child, &status, WNOHANG | 0x20000000));
    VALUE(waitpid(child, &status, 0) == child);
    say_status("another thread's", status);
    return x;
}

int main(void) {
    int status;
    pid_t p = MUST(clone(no, stack + sizeof stack, 0, NULL));
    VALUE(waitpid(p, &status, 0));
    VALUE(waitpid(p, &status, __WCLONE) == p);
    say_status("clone", status);
    p = MUST(clone(no, stack + sizeof stack, SIGUSR2 * 0 + SIGCONT, NULL));
    VALUE(waitpid(-1, &status, __WALL) == p);
    say_status("clone", status);
    p = CHILD(_exit(2));
    VALUE(waitpid(p, &status, __WCLONE));
    VALUE(waitpid(p, &status, __WALL) == p);
    child = CHILD(_exit(3));
    pthread_t t;
    pthread_create(&t, NULL, other, NULL);
    pthread_join(t, NULL);
    p = CHILD(for (;;) pause());
    siginfo_t i;
    for (int n = 0; n < 2; n++) {
        kill(p, n ? SIGTSTP : SIGSTOP);
        MUST(waitid(P_PID, p, &i, WSTOPPED | WNOWAIT));
        MUST(waitid(P_PID, p, &i, WSTOPPED));
        say("code %d status %s\n", i.si_code, signal_name(i.si_status));
        memset(&i, 0, sizeof i);
        VALUE(waitid(P_PID, p, &i, WSTOPPED | WNOHANG));
        say("pid %d\n", i.si_pid);
        kill(p, SIGCONT);
        MUST(waitid(P_PID, p, &i, WCONTINUED));
        say("code %d status %s\n", i.si_code, signal_name(i.si_status));
    }
    kill(p, SIGABRT);
    MUST(waitid(P_PID, p, &i, WEXITED));
    say("code %d status %s\n", i.si_code == CLD_DUMPED ? CLD_KILLED : i.si_code, signal_name(i.si_status));
    VALUE(waitid(P_PGID, 0, &i, WEXITED));
    VALUE(waitid(P_PID, getpid(), &i, WEXITED));
    VALUE(wait4(-1, NULL, WNOHANG, (void *)8));
}
