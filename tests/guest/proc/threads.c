// /proc/self/task, thread-self and /proc/PID/task/TID/status: one entry for each thread, signals of each.
#include "check.h"
static struct gate ready, end;
static void line(const char *path, const char *name) {
    char b[8192];
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, b, sizeof b - 1);
    b[n < 0 ? 0 : n] = 0;
    close(fd);
    char *l = strstr(b, name);
    say("%.*s\n", l ? (int)strcspn(l, "\n") : 7, l ? l : "missing");
}
static void *thread(void *x) {
    block(SIGUSR1, 0);
    line("/proc/thread-self/status", "SigBlk:");
    line("/proc/self/status", "Threads:");
    *(pid_t *)x = gettid();
    gate_open(ready);
    gate_wait(end);
    return NULL;
}
int main(void) {
    ready = gate_make(), end = gate_make();
    pthread_t t;
    pid_t tid;
    pthread_create(&t, NULL, thread, &tid);
    gate_wait(ready);
    char p[64];
    snprintf(p, sizeof p, "/proc/%d/task/%d/status", getpid(), tid);
    line(p, "SigBlk:");
    snprintf(p, sizeof p, "/proc/self/task/%d/comm", tid);
    VALUE(access(p, R_OK));
    line("/proc/thread-self/status", "SigBlk:");
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    say("threads %d\n", n);
    gate_open(end);
    pthread_join(t, NULL);
}
// qemu-user: has a thread of its own
