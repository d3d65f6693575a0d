// SA_NOCLDWAIT and an ignored SIGCHLD: children leave nothing to wait for, and wait(2) says ECHILD at the end.
#include "check.h"

static volatile int count;
static void handler(int sig) { (void)sig; count++; }
int main(void) {
    signal(SIGCHLD, SIG_IGN);
    CHILD(_exit(1));
    CHILD(_exit(2));
    VALUE(wait(NULL));
    struct sigaction a = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
    sigaction(SIGCHLD, &a, NULL);
    CHILD(_exit(1));
    VALUE(wait(NULL));
    a.sa_handler = handler;
    sigaction(SIGCHLD, &a, NULL);
    CHILD(_exit(1));
    while (wait(NULL) != -1 || errno == EINTR) {}
    say("%s, signals %d\n", error_name(errno), count);
    a.sa_flags = 0;
    sigaction(SIGCHLD, &a, NULL);
    pid_t p = CHILD(_exit(9));
    reap("kept", p);
}
// qemu-user: forgets SA_NOCLDWAIT
