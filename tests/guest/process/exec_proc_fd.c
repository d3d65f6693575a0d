// A program named by /proc/self/fd/N where execve(2) closes the descriptor: run all the same, however it was opened.
#include "check.h"
// rootfs: too

int main(int argc, char **argv) {
    if (argc > 1) {
        char path[32];
        snprintf(path, sizeof path, "/proc/self/fd/%s", argv[1]);
        return 3 + !access(path, F_OK);
    }
    static const int how[] = {O_RDONLY, O_RDONLY | O_CLOEXEC, O_PATH, O_PATH | O_CLOEXEC};
    for (int i = 0; i < 4; i++) {
        int fd = MUST(open("/proc/self/exe", how[i]));
        char path[32], number[12];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        snprintf(number, sizeof number, "%d", fd);
        reap("by fork", CHILD(VALUE(execl(path, "program", number, NULL))));
        pid_t pid = vfork();
        if (pid == 0) { execl(path, "program", number, NULL); _exit(9); }
        reap("by vfork", pid);
        snprintf(path, sizeof path, "/dev/fd/%d", fd);
        reap("by /dev/fd", CHILD(VALUE(execl(path, "program", number, NULL))));
        close(fd);
    }
    return 0;
}
