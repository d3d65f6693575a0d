// SIGCHLD's siginfo for each thing that happens to a child: CLD_EXITED, KILLED, DUMPED, STOPPED, CONTINUED.
#include "check.h"

static volatile pid_t child;
static volatile int count;
static void handler(int sig, siginfo_t *i, void *context) {
    (void)context;
    say("%s code %d pid %s uid %s status %d times %s\n", signal_name(sig), i->si_code, i->si_pid == child ? "child" : "other",
        i->si_uid == getuid() ? "own" : "other", i->si_status, i->si_utime >= 0 && i->si_stime >= 0 ? "there" : "odd");
    count++;
}

static void wait_for(int n) {
    sigset_t none;
    sigemptyset(&none);
    while (count < n) sigsuspend(&none);
}

int main(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    block(SIGCHLD, 0);
    handle_with(SIGCHLD, handler, 0);
    child = CHILD(_exit(37));
    wait_for(1);
    reap("exits", child);
    child = CHILD(pause_ms(20000));
    kill(child, SIGTERM);
    wait_for(2);
    reap("killed", child);
    child = CHILD(pause_ms(20000));
    kill(child, SIGSTOP);
    wait_for(3);
    kill(child, SIGCONT);
    wait_for(4);
    kill(child, SIGKILL);
    wait_for(5);
    reap("stopped", child);
    handle_with(SIGCHLD, handler, SA_NOCLDSTOP);
    child = CHILD(pause_ms(20000));
    kill(child, SIGSTOP);
    siginfo_t i;
    MUST(waitid(P_PID, child, &i, WSTOPPED));
    say("stopped without a signal: code %d status %d, seen %d\n", i.si_code, i.si_status, count);
    kill(child, SIGKILL);
    wait_for(6);
    reap("last", child);
}
// qemu-user: forgets SA_NOCLDSTOP
