// qemu-user: makes a fork of CLONE_VM without CLONE_THREAD
// rootfs: too
// A child that shares memory also shares descriptors (CLONE_FILES) and the current directory (CLONE_FS), if it is asked to.
#include "check.h"

static char stack[1 << 16] __attribute__((aligned(16)));
static int opened;

static int body(void *x) {
    opened = open(x, O_PATH);
    return chdir(x);
}

int main(void) {
    MUST(mkdir("d", 0700));
    for (int i = 0; i < 8; i++) {
        int flags = (i & 1 ? CLONE_FS : 0) | (i & 2 ? CLONE_FILES : 0) | (i & 4 ? CLONE_VFORK : 0);
        pid_t pid = MUST(clone(body, stack + sizeof stack, CLONE_VM | SIGCHLD | flags, "d"));
        reap("child", pid);
        char at[PATH_MAX];
        TRUE(getcwd(at, sizeof at));
        int inside = !strcmp(strrchr(at, '/'), "/d");
        say("%d: in d %d, opened %d\n", i, inside, fcntl(opened, F_GETFD) == 0);
        if (inside) MUST(chdir(".."));
        close(opened);
    }
}
