// qemu-user: has no ptrace
// PTRACE_ATTACH to a child that has just been made: it stops.
#include "trace.h"

int main(void) {
    int stopped = 0;
    for (int i = 0; i < 60; i++) {
        pid_t p = fork();
        if (p == 0) { for (;;) pause(); }
        for (volatile int k = 0; k < i * 1000; k++) {}
        int s;
        MUST(trace(PTRACE_ATTACH, p, 0, 0));
        waitpid(p, &s, 0);
        stopped += WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP;
        kill(p, SIGKILL);
        waitpid(p, &s, 0);
    }
    say("stopped %d\n", stopped);
}
