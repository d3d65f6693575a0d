// /proc/self/environ and cmdline over exec: exactly what execve was given, also variables that loaders care about.
#include "check.h"
static void show(const char *path) {
    char b[4096];
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, b, sizeof b);
    for (int k = 0; k < n; k++) if (!b[k]) b[k] = '|';
    say("%s %zd %.*s\n", path, n, (int)n, b);
    close(fd);
}
int main(int argc, char **argv) {
    if (argc == 1 && strcmp(argv[0], "only"))
        execve("/proc/self/exe", (char *[]){"first", "", "a b", NULL}, (char *[]){"LD_LIBRARY_PATH=/x", "MALLOC_ARENA_MAX=1", "GLIBC_TUNABLES=x", "Z=", NULL});
    show("/proc/self/cmdline");
    show("/proc/self/environ");
    if (argc > 1) execve("/proc/self/exe", (char *[]){"only", NULL}, (char *[]){NULL});
}
