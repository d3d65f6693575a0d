// execveat(2) and memfd: by descriptor, relative to a directory, without following links.
#include "check.h"

extern char **environ;
int main(int argc, char **argv) {
    if (argc > 1) { say("here: %s\n", argv[1]); return 6; }
    char self[4096], b[65536];
    self[readlink("/proc/self/exe", self, sizeof self - 1)] = 0;
    mkdir("d", 0755);
    symlink(self, "d/link");
    int dir = open("d", O_RDONLY | O_DIRECTORY), exe = open("/proc/self/exe", O_RDONLY), path = open("/proc/self/exe", O_PATH);
    argv[0] = "x";
    char *a[] = {"x", "y", NULL};
#define RUN(...) reap(#__VA_ARGS__, CHILD(syscall(SYS_execveat, __VA_ARGS__); say("%s\n", error_name(errno)); _exit(1)))
    RUN(dir, "link", a, environ, 0);
    RUN(dir, "link", a, environ, AT_SYMLINK_NOFOLLOW);
    RUN(exe, "", a, environ, AT_EMPTY_PATH);
    RUN(exe, "", a, environ, 0);
    RUN(path, "", a, environ, AT_EMPTY_PATH);
    RUN(AT_FDCWD, "d/link", a, environ, 0);
    RUN(-1, self, a, environ, 0);
    RUN(-1, "link", a, environ, 0);
    RUN(exe, "link", a, environ, 0);
    RUN(dir, "", a, environ, AT_EMPTY_PATH);
    RUN(dir, "link", a, environ, 0x8000);
    int m = memfd_create("program", MFD_CLOEXEC);
    for (ssize_t n; (n = read(exe, b, sizeof b)) > 0;) MUST(write(m, b, n));
    RUN(m, "", a, environ, AT_EMPTY_PATH);
    int r = open("/proc/self/fd/3", O_RDONLY);
    close(r);
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", m);
    int again = open(name, O_RDONLY);
    close(m);
    RUN(again, "", a, environ, AT_EMPTY_PATH);
}
