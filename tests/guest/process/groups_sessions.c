// Process groups and sessions: setpgid, setsid, getsid and their errors.
#include "check.h"

int main(void) {
    reap("child", CHILD(
        setpgid(0, 0);
        VALUE(getpgid(0) == getpid());
        VALUE(getpgrp() == getpid());
        VALUE(getsid(0) == getsid(getppid()));
        VALUE(setsid());
        pid_t p = CHILD(pause_ms(20000));
        VALUE(getpgid(p) == getpid());
        VALUE(setpgid(p, p));
        VALUE(getpgid(p) == p);
        VALUE(setpgid(p, getpid()));
        VALUE(setpgid(getpid(), 1));
        VALUE(setpgid(-1, 0));
        VALUE(setpgid(1, 0));
        VALUE(setpgid(p, -1));
        kill(p, SIGKILL);
        reap("inner", p);
        VALUE(getpgid(0x3ffffff));
        VALUE(getsid(0x3ffffff))));
    reap("session", CHILD(
        VALUE(setsid() == getpid());
        VALUE(getsid(0) == getpid());
        VALUE(getpgrp() == getpid());
        VALUE(setsid());
        VALUE(setpgid(0, 0));
        int t = open("/dev/tty", O_RDWR);
        say("/dev/tty: %s\n", t < 0 ? error_name(errno) : "opened")));
}
