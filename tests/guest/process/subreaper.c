// PR_SET_CHILD_SUBREAPER adopts orphans; PR_SET_PDEATHSIG tells of the parent's death; other prctl values.
#include "check.h"

int main(void) {
    int v = 9;
    VALUE(prctl(PR_GET_CHILD_SUBREAPER, &v));
    say("%d\n", v);
    VALUE(prctl(PR_SET_CHILD_SUBREAPER, 1));
    VALUE(prctl(PR_GET_CHILD_SUBREAPER, &v));
    say("%d\n", v);
    pid_t me = getpid();
    struct gate g = gate_make();
    pid_t p = CHILD(CHILD(while (getppid() != me) usleep(500); _exit(33)));
    reap("child", p);
    int status;
    pid_t q = wait(&status);
    say("adopted: %s\n", q > 0 && q != p ? "yes" : "no");
    say_status("orphan", status);
    p = CHILD(pid_t inner = CHILD(prctl(PR_SET_PDEATHSIG, SIGUSR1); int s = 0; prctl(PR_GET_PDEATHSIG, &s); say("death signal %s\n", signal_name(s)); gate_open(g); pause_ms(20000)); (void)inner; gate_wait(g));
    reap("parent", p);
    q = wait(&status);
    say_status("told", status);
}
