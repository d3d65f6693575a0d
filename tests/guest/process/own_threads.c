// qemu-user: a child with CLONE_VM is a copy
// How many threads a process has, told to itself and to a child that shares its memory: only those it made.
#include "check.h"

static char stack[1 << 16] __attribute__((aligned(16)));
static pid_t parent;
static int listed, status, told;

static int tasks(pid_t pid) {
    char path[64], buf[4096];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    long got;
    while ((got = syscall(SYS_getdents64, fd, buf, sizeof buf)) > 0)
        for (long at = 0; at < got; at += *(unsigned short *)(buf + at + 16)) n += buf[at + 19] != '.';
    close(fd);
    return n;
}

static int number(pid_t pid, const char *file, const char *after, int fields) {
    char path[64], buf[4096];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    int fd = open(path, O_RDONLY);
    long got = read(fd, buf, sizeof buf - 1);
    close(fd);
    buf[got > 0 ? got : 0] = 0;
    char *at = strstr(buf, after);
    if (!at) return -1;
    at += strlen(after);
    while (fields--) at = strchr(at, ' ') + 1;
    return atoi(at);
}

static int child(void *x) {
    listed = tasks(parent), status = number(parent, "status", "Threads:", 0), told = number(parent, "stat", ") ", 17);
    return x != NULL;
}

static void *body(void *x) {
    pause();
    return x;
}

int main(void) {
    parent = getpid();
    pthread_t t;
    pthread_create(&t, NULL, body, NULL);
    int flags[] = {CLONE_VM, CLONE_VM | CLONE_FS | CLONE_FILES, CLONE_VM | CLONE_VFORK};
    for (int i = 0; i < 3; i++) {
        pid_t p = clone(child, stack + sizeof stack, flags[i] | SIGCHLD, NULL);
        int own = number(parent, "status", "Threads:", 0);
        reap("child", p);
        say("child: %d %d %d, meanwhile %d, afterwards %d %d\n", listed, status, told, own, tasks(parent), number(parent, "status", "Threads:", 0));
    }
}
