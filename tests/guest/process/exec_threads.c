// exec ends all other threads, keeps the process number, from the first thread and from another.
#include "check.h"

static char *self;
static void *sleeps(void *x) { for (;;) pause(); return x; }
static void *executes(void *x) {
    usleep(5000);
    execv("/proc/self/exe", (char *[]){self, x, NULL});
    give_up("exec", __LINE__);
}
int main(int argc, char **argv) {
    self = argv[0];
    if (argc > 1) {
        DIR *d = opendir("/proc/self/task");
        int n = 0;
        for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
        say("threads %d, same process %d, main thread %d\n", n, atoi(argv[1]) == getpid(), gettid() == getpid());
        return 0;
    }
    char pid[20];
    for (int n = 0; n < 2; n++) reap("child", CHILD(
        snprintf(pid, sizeof pid, "%d", getpid());
        pthread_t t;
        for (int k = 0; k < 3; k++) pthread_create(&t, NULL, sleeps, NULL);
        if (n) { pthread_create(&t, NULL, executes, pid); for (;;) pause(); }
        execv("/proc/self/exe", (char *[]){argv[0], pid, NULL})));
}
// qemu-user: does not end the other threads at exec from a thread
