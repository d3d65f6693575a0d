// Does something with a path so many times: paths WHAT COUNT PATH. For tests/paths.rs, which counts system calls.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    const char *what = argv[1], *path = argv[3];
    int count = atoi(argv[2]), failed = 0;
    if (!strncmp(what, "entered-", 8)) {
        if (unshare(CLONE_NEWNS)) return 3;
        what += 8;
    }
    struct stat st;
    for (int i = 0; i < count; i++) {
        // As many descriptors are closed as are opened: the end closes them.
        if (!strcmp(what, "open")) failed |= open(path, O_RDONLY) < 0;
        if (!strcmp(what, "stat")) failed |= stat(path, &st) < 0;
        if (!strcmp(what, "create")) failed |= open(path, O_RDWR | O_CREAT, 0600) < 0;
        if (!strcmp(what, "missing")) failed |= open(path, O_RDONLY) >= 0;
    }
    return failed;
}
