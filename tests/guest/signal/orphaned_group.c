// A stopped process whose group becomes orphaned gets SIGHUP and SIGCONT; an orphaned group is not stopped by terminal signals.
#include "check.h"

static struct gate told;
static void handler(int sig, siginfo_t *i, void *context) { (void)i, (void)context; say("  %s\n", signal_name(sig)); }

int main(void) {
    told = gate_make();
    MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
    pid_t session = CHILD(
        MUST(setsid());
        pid_t kid = MUST(fork());
        if (kid == 0) {
            setpgid(0, 0);
            handle_with(SIGHUP, handler, 0);
            raise(SIGSTOP);
            gate_open(told);
            // Orphaned: the terminal's stop signals do nothing, SIGSTOP would.
            raise(SIGTSTP);
            raise(SIGTTIN);
            say("runs on\n");
            _exit(3);
        }
        setpgid(kid, kid);
        int status;
        waitpid(kid, &status, WUNTRACED);
        say_status("stopped", status);
        _exit(0));
    int status, leader;
    waitpid(session, &leader, 0);
    gate_wait(told);
    pid_t kid = waitpid(-1, &status, 0);
    say_status("grandchild", status);
    say_status("leader", leader);
    say("reaped %d\n", kid > 0);
}
