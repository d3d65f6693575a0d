// A process forks while its other threads are busy with handlers and sigaction(2): every child comes to its end.
#include "check.h"
static _Atomic int stop;
static void handler(int sig, siginfo_t *i, void *c) { (void)sig, (void)i, (void)c; }
static void *busy(void *x) {
    while (!stop) {
        pthread_kill(pthread_self(), SIGUSR1);
        struct sigaction a;
        if (sigaction(SIGUSR2, NULL, &a) || kill(getpid(), 0)) give_up("an error", __LINE__);
    }
    return x;
}
int main(void) {
    // Calls that never wait are never interrupted, although this handler has no SA_RESTART.
    handle_with(SIGUSR1, handler, 0);
    pthread_t t[4];
    for (int n = 0; n < 4; n++) pthread_create(&t[n], NULL, busy, NULL);
    int ended = 0;
    for (int r = 0; r < 200; r++) {
        pid_t p = fork();
        if (p == 0) {
            alarm(20);
            raise(SIGUSR1);
            _exit(5);
        }
        int status;
        while (waitpid(p, &status, 0) < 0 && errno == EINTR);
        ended += status == 5 << 8;
    }
    stop = 1;
    for (int n = 0; n < 4; n++) pthread_join(t[n], NULL);
    say("ended %d\n", ended);
}
