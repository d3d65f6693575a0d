// Stop signals and SIGCONT as waitpid and waitid see them: status, codes, WNOHANG, WNOWAIT.
#include "check.h"

static void show(const char *what, idtype_t t, pid_t p, int options) {
    siginfo_t i = {};
    errno = 0;
    int r = waitid(t, p, &i, options);
    say("%s: %d %s signo %d code %d status %d pid %s\n", what, r, error_name(errno), i.si_signo, i.si_code, i.si_status, i.si_pid == p ? "child" : i.si_pid ? "other" : "0");
}

int main(void) {
    int sigs[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    for (int n = 0; n < 4; n++) {
        // A stop signal other than SIGSTOP stops no orphaned group: give the child one with its parent here.
        pid_t p = CHILD(setpgid(0, 0); pause_ms(30000));
        setpgid(p, p);
        kill(p, sigs[n]);
        show("peek", P_PID, p, WSTOPPED | WNOWAIT);
        show("stopped", P_PID, p, WSTOPPED);
        show("once only", P_PID, p, WSTOPPED | WNOHANG);
        kill(p, SIGCONT);
        show("continued", P_PID, p, WCONTINUED);
        kill(p, SIGSTOP);
        int status;
        waitpid(p, &status, WUNTRACED);
        say_status("waitpid", status);
        kill(p, SIGCONT);
        waitpid(p, &status, WCONTINUED);
        say_status("waitpid", status);
        kill(p, SIGSTOP);
        kill(p, SIGKILL);
        show("killed while stopped", P_PID, p, WEXITED | WNOWAIT);
        show("killed while stopped", P_PGID, p, WEXITED);
        show("gone", P_PID, p, WEXITED);
    }
}
