// vfork(2): the child's writes are seen by the parent, which waits for exec or exit.
#include "check.h"

static volatile int shared;
int main(int argc, char **argv) {
    (void)argc;
    if (!strcmp(argv[0], "child")) return 7;
    pid_t p = vfork();
    if (p == 0) { shared = 5; _exit(3); }
    say("shared %d\n", shared);
    reap("exit", p);
    p = vfork();
    if (p == 0) {
        execv("/nonexistent", argv);
        shared = errno;
        execv("/proc/self/exe", (char *[]){"child", NULL});
        _exit(99);
    }
    say("first exec: %s\n", error_name(shared));
    reap("exec", p);
    for (int n = 0; n < 20; n++) { p = vfork(); if (p == 0) { shared = n; _exit(n); } int s; waitpid(p, &s, 0); if (WEXITSTATUS(s) != n || shared != n) say("wrong %d\n", n); }
    p = vfork();
    if (p == 0) { kill(getpid(), SIGKILL); _exit(1); }
    reap("killed", p);
}
// qemu-user: makes a fork of vfork, so memory is not shared
