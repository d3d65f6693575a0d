// /proc/PID of a child that has executed another program: exe, cmdline, comm, environ, and of a zombie.
#include "check.h"
static char b[4096];
static void show(int pid, const char *what) {
    char p[64];
    snprintf(p, sizeof p, "/proc/%d/%s", pid, what);
    int fd = open(p, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, b, sizeof b - 1);
    say("%s: %zd", what, n);
    if (n < 0) { say(" %s\n", error_name(errno)); return; }
    for (int k = 0; k < n; k++) if (!b[k]) b[k] = '|';
    b[n] = 0;
    say(" %s\n", b);
    close(fd);
}
int main(void) {
    struct gate g = gate_make();
    pid_t p = CHILD(dup2(g.fd[0], 0); execle("/bin/cat", "cat", "-", "-u", NULL, (char *[]){"A=b", NULL}));
    until_asleep(p);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", p);
    ssize_t n = readlink(path, b, sizeof b - 1);
    b[n < 0 ? 0 : n] = 0;
    say("exe %s\n", strrchr(b, '/') ? strrchr(b, '/') + 1 : b);
    show(p, "cmdline");
    show(p, "environ");
    show(p, "comm");
    kill(p, SIGKILL);
    siginfo_t i;
    waitid(P_PID, p, &i, WEXITED | WNOWAIT);
    show(p, "cmdline");
    show(p, "comm");
    reap("child", p);
    show(p, "comm");
}
// qemu-user: is itself the program of every process
