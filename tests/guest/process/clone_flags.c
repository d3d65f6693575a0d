// Which combinations of clone(2) flags are refused.
#include "check.h"

#define TRY(flags) do { long r = syscall(SYS_clone, (flags), 0, 0, 0, 0); if (r == 0) _exit(0); \
    say("%s: %s\n", #flags, r < 0 ? error_name(errno) : "works"); if (r > 0) while (waitpid(r, NULL, __WALL) == -1 && errno == EINTR) {} } while (0)
int main(void) {
    TRY(SIGCHLD);
    TRY(0);
    TRY(CLONE_THREAD);
    TRY(CLONE_SIGHAND);
    TRY(CLONE_THREAD | CLONE_VM);
    TRY(CLONE_FS | SIGCHLD);
    TRY(CLONE_FILES | SIGCHLD);
    TRY(CLONE_FS | CLONE_NEWNS | SIGCHLD);
    TRY(CLONE_PIDFD | CLONE_DETACHED | SIGCHLD);
    TRY(CLONE_NEWUSER | CLONE_FS | SIGCHLD);
    TRY(CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD);
}
// qemu-user: makes plain forks and threads only
