// A program whose limit is lower than the descriptors it has hands these on, and only these; what it executes may close all it can
// name and goes on working.
// rootfs: too
#include "check.h"

static void show(const char *who) {
    char list[4096];
    int n = 0;
    for (int fd = 0; fd < 2000; fd++)
        if (fcntl(fd, F_GETFD) >= 0) n += snprintf(list + n, sizeof list - n, " %d", fd);
    say("%s:%s\n", who, list);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        show("executed");
        for (int fd = 3; fd < 29; fd++) close(fd);
        close_range(29, 60, 0);
        show("closed");
        struct stat st;
        VALUE(stat("d/../d", &st));
        VALUE(dup2(1, 28));
        VALUE(dup2(1, 29));
        if (argv[1][0] == '1') execl("/proc/self/exe", argv[0], "2", NULL);
        return 0;
    }
    MUST(mkdir("d", 0700));
    close_range(3, ~0u, 0);
    for (int fd = 3; fd < 43; fd++) MUST(dup2(1, fd));
    for (int fd = 3; fd < 17; fd++) MUST(close(fd));
    struct rlimit l;
    MUST(getrlimit(RLIMIT_NOFILE, &l));
    l.rlim_cur = 29;
    VALUE(setrlimit(RLIMIT_NOFILE, &l));
    show("first");
    reap("exec", CHILD(execl(argv[0], argv[0], "1", NULL)));
    l.rlim_max = 29;
    VALUE(setrlimit(RLIMIT_NOFILE, &l));
    reap("exec", CHILD(execl(argv[0], argv[0], "1", NULL)));
}
