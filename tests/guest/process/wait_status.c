// wait4 and waitid: status, WNOHANG, groups, rusage, and what is refused.
#include "check.h"

int main(void) {
    int status = 77;
    struct rusage u;
    VALUE(wait4(-1, &status, 0, &u));
    pid_t p = CHILD(_exit(256 + 5));
    VALUE(wait4(p, &status, 0, &u) == p);
    say("status %#x, usage %s\n", status, u.ru_utime.tv_sec == 0 ? "there" : "odd");
    p = CHILD(pause_ms(20000));
    VALUE(waitpid(p, &status, WNOHANG));
    siginfo_t i;
    memset(&i, 0x55, sizeof i);
    VALUE(waitid(P_PID, p, &i, WEXITED | WNOHANG));
    say("si_signo %d si_pid %d\n", i.si_signo, i.si_pid);
    kill(p, SIGKILL);
    VALUE(waitid(P_ALL, 0, &i, WEXITED | WNOWAIT));
    say("code %d status %d uid own %d\n", i.si_code, i.si_status, i.si_uid == getuid());
    VALUE(syscall(SYS_waitid, P_PID, p, &i, WEXITED, &u));
    VALUE(waitid(P_PID, p, &i, WEXITED));
    VALUE(waitid(P_PID, p, &i, 0));
    VALUE(waitid(99, p, &i, WEXITED));
    VALUE(waitid(P_PID, 0, &i, WEXITED));
    VALUE(wait4(p, &status, 0x40, NULL));
    p = CHILD(_exit(1));
    VALUE(wait4(p, (void *)8, 0, NULL));
    VALUE(waitpid(p, NULL, 0) == p);
    p = CHILD(setpgid(0, 0); _exit(4));
    setpgid(p, p);
    VALUE(waitpid(-p, &status, 0) == p);
    say_status("by group", status);
    VALUE(waitpid(INT_MIN, &status, 0));
}
