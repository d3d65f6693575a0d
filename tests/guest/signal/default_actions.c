// What each signal does by default, as the wait status tells, and that SIG_IGN keeps each away.
#include "check.h"

// To a thread what the CPU may raise: sent to a process, it may be taken by a thread of qemu-user's own, which ends it by SIGSEGV.
static void send_to_self(int sig) {
    if (sig == SIGILL || sig == SIGBUS || sig == SIGFPE || sig == SIGSEGV) syscall(SYS_tgkill, getpid(), gettid(), sig);
    else syscall(SYS_kill, getpid(), sig);
}

int main(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    for (int sig = 1; sig <= SIGRTMIN + 20; sig++) {
        if (sig == 32 || sig == 33) continue; // The C library's.
        char who[32];
        snprintf(who, sizeof who, "%s", signal_name(sig));
        pid_t p = CHILD(send_to_self(sig); _exit(7));
        int status;
        waitpid(p, &status, WUNTRACED);
        say_status(who, status);
        if (WIFSTOPPED(status)) { kill(p, SIGCONT); reap("  then", p); }
        if (sig == SIGKILL || sig == SIGSTOP) continue;
        p = CHILD(signal(sig, SIG_IGN); send_to_self(sig); _exit(8));
        waitpid(p, &status, WUNTRACED);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 8) say_status("  ignored", status);
    }
}
