// kill(2) with 0, negative and impossible targets; signals to a group reach all its members.
#include "check.h"

int main(void) {
    struct gate g = gate_make();
    pid_t a = CHILD(setpgid(0, 0); gate_open(g); pause_ms(30000));
    gate_wait(g);
    pid_t b = CHILD(setpgid(0, a); gate_open(g); pause_ms(30000));
    gate_wait(g);
    VALUE(kill(-a, 0));
    VALUE(kill(-a, SIGTERM));
    reap("first", a);
    reap("second", b);
    VALUE(kill(-a, SIGTERM));
    VALUE(kill(0x3ffffff, 0));
    reap("whole group", CHILD(setpgid(0, 0); pid_t c = CHILD(pause_ms(30000)); (void)c; signal(SIGUSR1, SIG_IGN); kill(0, SIGUSR1);
        int s; waitpid(c, &s, 0); say_status("inner", s); VALUE(killpg(0, SIGHUP))));
}
