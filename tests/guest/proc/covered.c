// A file that is mounted over one of /proc is what is found there, and what was there again once it is gone.
#include "check.h"
// rootfs: too
#include <sys/mount.h>
// qemu-user: has no user namespaces

static void show(const char *path) {
    char b[100];
    int fd = MUST(open(path, O_RDONLY));
    ssize_t n = read(fd, b, sizeof b);
    for (int k = 0; k < n; k++) if (!b[k]) b[k] = '|';
    say("%s: %.*s\n", path, n < 40 ? (int)n : 40, b);
    close(fd);
}
static void show_all(void) {
    char path[64];
    show("/proc/self/cmdline");
    snprintf(path, sizeof path, "/proc/%d/cmdline", getpid());
    int fd = MUST(open(path, O_RDONLY));
    char b[100];
    say("by number: %d\n", (int)read(fd, b, sizeof b));
    close(fd);
}

int main(int argc, char **argv) {
    if (argc == 1) execl("/proc/self/exe", "program", "argument", NULL);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS)) { say("%s\n", error_name(errno)); return 0; }
    put_file("other", "another file\n");
    show_all();
    if (mount("other", "/proc/self/cmdline", NULL, MS_BIND, NULL)) { say("%s\n", error_name(errno)); return 0; }
    show_all();
    VALUE(umount2("/proc/self/cmdline", 0));
    show_all();
    if (mount("other", "/proc/cpuinfo", NULL, MS_BIND, NULL)) { say("%s\n", error_name(errno)); return 0; }
    show("/proc/cpuinfo");
    return 0;
}
