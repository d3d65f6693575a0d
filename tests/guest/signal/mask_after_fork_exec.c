// Signals arrive while a process forks and executes: what it starts has the mask it should have, not that of a handler.
#include "check.h"
static volatile sig_atomic_t ran;
static void handler(int sig, siginfo_t *i, void *c) { (void)i, (void)c; if (sig == SIGUSR1) ran = 1; }
static _Atomic int stop;
static void *rain(void *main_thread) { while (!stop) pthread_kill(*(pthread_t *)main_thread, SIGURG), usleep(50); return NULL; }
int main(int argc, char **argv) {
    if (argc > 1) {
        sigset_t now;
        sigprocmask(SIG_BLOCK, NULL, &now);
        // SIGUSR1 was blocked on purpose.
        return sigismember(&now, SIGUSR1) == 1 && !sigismember(&now, SIGURG) && !sigismember(&now, SIGTERM) ? 0 : 1;
    }
    handle_with(SIGURG, handler, SA_RESTART);
    handle_with(SIGUSR1, handler, SA_RESTART);
    pthread_t self = pthread_self(), t;
    pthread_create(&t, NULL, rain, &self);
    int forked = 0, executed = 0;
    for (int r = 0; r < 150; r++) {
        pid_t p = fork();
        if (p == 0) {
            raise(SIGUSR1);
            _exit(!ran);
        }
        int status;
        waitpid(p, &status, 0);
        forked += status == 0;
    }
    stop = 1;
    pthread_join(t, NULL);
    for (int r = 0; r < 15; r++) {
        pid_t p = fork();
        if (p == 0) {
            sigset_t set;
            sigemptyset(&set);
            sigaddset(&set, SIGUSR1);
            sigprocmask(SIG_BLOCK, &set, NULL);
            char *arguments[] = {argv[0], "again", NULL};
            execv("/proc/self/exe", arguments);
            _exit(2);
        }
        // It is reaped below, so its number stays its own.
        siginfo_t i;
        do kill(p, SIGURG), i.si_pid = 0;
        while (waitid(P_PID, (id_t)p, &i, WEXITED | WNOHANG | WNOWAIT) == 0 && i.si_pid == 0);
        int status;
        waitpid(p, &status, 0);
        executed += status == 0;
    }
    say("forked %d, executed %d\n", forked, executed);
}
