// What becomes of those who are traced when their tracer ends: they go on, or with PTRACE_O_EXITKILL they die.
#include "trace.h"

int main(void) {
    MUST(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    for (int kills = 0; kills < 2; kills++) {
        int pipes[2];
        MUST(pipe(pipes));
        pid_t tracer = CHILD(
            pid_t p = CHILD(for (int i = 0; i < 100; i++) pause_ms(5); _exit(17));
            MUST(write(pipes[1], &p, sizeof p));
            TRACE(PTRACE_SEIZE, p, 0, kills ? PTRACE_O_EXITKILL : 0);
            TRACE(PTRACE_INTERRUPT, p, 0, 0);
            wait_for("traced", p);
            if (kills) TRACE(PTRACE_CONT, p, 0, 0);
            _exit(0));
        pid_t p;
        MUST(read(pipes[0], &p, sizeof p));
        reap("tracer", tracer);
        reap("left alone", p);
    }
}
// qemu-user: has no ptrace
