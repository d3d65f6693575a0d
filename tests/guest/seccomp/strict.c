// Strict mode: read, write, exit and sigreturn; everything else kills the thread.
#include "check.h"
#include "filter.h"

static volatile int told;
static void handler(int sig, siginfo_t *i, void *c) { (void)i; (void)c; (void)sig; if (!told++) write(1, "handler\n", 8); }

static void *alone(void *unused) {
    MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
    getpid();
    say("after\n");
    return unused;
}

int main(void) {
    int fd[2];
    MUST(pipe(fd));
    MUST(write(fd[1], "abc", 3));
    reap("allowed", CHILD(
        MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
        char b[4];
        long n = read(fd[0], b, 3);
        write(1, b, n);
        write(1, "\n", 1);
        syscall(SYS_exit, 7)));
    reap("getpid", CHILD(MUST(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL)); syscall(SYS_getpid); write(1, "after\n", 6)));
    reap("exit_group", CHILD(MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)); syscall(SYS_exit_group, 3)));
    reap("handler", CHILD(
        struct itimerval t = {{0, 20000}, {0, 20000}};
        handle_with(SIGALRM, handler, 0);
        int none[2];
        MUST(pipe(none));
        MUST(setitimer(ITIMER_REAL, &t, NULL));
        MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
        char c;
        if (read(none[0], &c, 1) == -1) write(1, "interrupted\n", 12);
        syscall(SYS_exit, 0)));
    // Only the thread ends.
    reap("a thread", CHILD(
        pthread_t t;
        MUST(pthread_create(&t, NULL, alone, NULL));
        RETURNS(pthread_join(t, NULL));
        say("lives on\n")));
}
