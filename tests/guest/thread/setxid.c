// User and group numbers of all threads: the C library has each set its own, by a signal that it keeps for itself (nptl(7)).
// So does the host's, which makes felix's threads; with the default disposition the signal ends the process.
#include "check.h"
#include <grp.h>

#define SETXID 33
static pthread_barrier_t set, seen;
static atomic_int wrong;

static void *body(void *x) {
    for (int i = 0; i < 3; i++) {
        // Interrupted while it waits, and while it computes.
        if (x) for (volatile int n = 0; n < 100000; n++) {}
        pthread_barrier_wait(&set);
        uid_t u[3];
        gid_t g[3];
        syscall(SYS_getresuid, &u[0], &u[1], &u[2]);
        syscall(SYS_getresgid, &g[0], &g[1], &g[2]);
        uid_t user = getuid() == 0 && i == 1 ? 1000 : u[0];
        if (u[1] != user || g[1] != g[0]) wrong++;
        pthread_barrier_wait(&seen);
    }
    return x;
}

static void *idle(void *x) {
    pause();
    return x;
}

int main(void) {
    pthread_t t[4];
    pthread_barrier_init(&set, NULL, 5);
    pthread_barrier_init(&seen, NULL, 5);
    for (long i = 0; i < 4; i++) pthread_create(&t[i], NULL, body, (void *)(i & 1));
    for (int i = 0; i < 3; i++) {
        int r = setegid(getgid());
        int u = seteuid(getuid() == 0 && i == 1 ? 1000 : getuid());
        say("round %d: %d %d\n", i, r, u);
        pthread_barrier_wait(&set);
        pthread_barrier_wait(&seen);
    }
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    say("wrong: %d\n", wrong);
    reap("child with threads of its own", CHILD(
        pthread_create(&t[0], NULL, idle, NULL);
        VALUE(setegid(getgid()))));
    // As a program has it whose threads are not the C library's.
    reap("default", CHILD(
        pthread_create(&t[0], NULL, idle, NULL);
        long act[4] = {0};
        VALUE(syscall(SYS_rt_sigaction, SETXID, act, NULL, 8));
        VALUE(syscall(SYS_tgkill, getpid(), gettid(), SETXID))));
}
