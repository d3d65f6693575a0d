// pselect6 itself: the pair of mask and size, its time left, bad sets and sizes.
#include "check.h"

static void handler(int sig, siginfo_t *i, void *context) { (void)i, (void)context; say("  %s\n", signal_name(sig)); }

int main(void) {
    int p[2];
    MUST(pipe(p));
    sigset_t none;
    sigemptyset(&none);
    struct { const void *mask; size_t size; } pair = {&none, 8}, wrong = {&none, 16}, bad = {(void *)8, 8}, empty = {NULL, 8};
    fd_set r;
    struct timespec t = {0, 1000000};
    FD_ZERO(&r);
    FD_SET(p[0], &r);
    VALUE(syscall(SYS_pselect6, p[0] + 1, &r, NULL, NULL, &t, &pair));
    say("left %ld %ld, set %d\n", (long)t.tv_sec, (long)t.tv_nsec, FD_ISSET(p[0], &r));
    VALUE(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &t, &wrong));
    VALUE(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &t, &bad));
    VALUE(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &t, &empty));
    VALUE(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &t, 8));
    VALUE(syscall(SYS_pselect6, -1, NULL, NULL, NULL, &t, NULL));
    VALUE(syscall(SYS_pselect6, p[0] + 1, 8, NULL, NULL, &t, NULL));
    VALUE(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &(struct timespec){-1, 0}, NULL));
    VALUE(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &(struct timespec){0, 1000000000}, NULL));
    handle_with(SIGUSR1, handler, SA_RESTART);
    block(SIGUSR1, 0);
    kill(getpid(), SIGUSR1);
    FD_SET(p[0], &r);
    VALUE(syscall(SYS_pselect6, p[0] + 1, &r, NULL, NULL, NULL, &pair));
    MUST(write(p[1], "x", 1));
    FD_ZERO(&r);
    FD_SET(p[0], &r);
    fd_set w;
    FD_ZERO(&w);
    FD_SET(p[1], &w);
    VALUE(syscall(SYS_pselect6, p[1] + 1, &r, &w, NULL, NULL, &pair));
    say("%d %d\n", FD_ISSET(p[0], &r), FD_ISSET(p[1], &w));
    sigset_t m;
    sigprocmask(0, NULL, &m);
    say("blocked %d\n", sigismember(&m, SIGUSR1));
}
