// The ends of threads: exit(2) of the first thread, exit_group from another, CHILD_CLEARTID, return values.
#include "check.h"
static void *returns(void *x) { return (void *)((long)x * 2); }
static void *exits(void *x) { pause_ms(5); exit((long)x); return x; }
static void *outlives(void *x) { pause_ms(20); say("outlived\n"); _exit((long)x); return x; }
static void *forever(void *x) { for (;;) pause(); return x; }
static int count(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}
int main(void) {
    int before = count();
    pthread_t t;
    void *v;
    pthread_create(&t, NULL, returns, (void *)21);
    pthread_join(t, &v);
    say("%ld\n", (long)v);
    reap("exit in a thread", CHILD(pthread_create(&t, NULL, exits, (void *)9); for (;;) pause()));
    reap("first thread ends", CHILD(pthread_create(&t, NULL, outlives, (void *)8); syscall(SYS_exit, 5)));
    reap("last thread ends", CHILD(syscall(SYS_exit, 6)));
    reap("pthread_exit of main", CHILD(pthread_create(&t, NULL, returns, NULL); pthread_exit(NULL)));
    reap("killed with threads", CHILD(pthread_create(&t, NULL, forever, NULL); pause_ms(5); raise(SIGKILL)));
    reap("cancel", CHILD(pthread_create(&t, NULL, forever, NULL); pthread_cancel(t); pthread_join(t, &v); say("canceled %d\n", v == PTHREAD_CANCELED)));
    for (int n = 0; n < 300; n++) { MUST(pthread_create(&t, NULL, returns, NULL)); pthread_join(t, NULL); }
    int left = count();
    // A thread may be joined before it is quite gone.
    for (int tries = 0; left != before && tries < 1000; tries++) { usleep(1000); left = count(); }
    say("threads left %d\n", left - before);
}
