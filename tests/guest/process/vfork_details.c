// vfork: the parent waits for exec or exit, shared memory and descriptors of its own, a child killed by a signal, a failed exec, signals meanwhile.
#include "check.h"
// qemu-user: makes a fork of it, without shared memory

static volatile int shared;
static void handler(int sig, siginfo_t *i, void *context) { (void)i, (void)context; say("  %s in %s\n", signal_name(sig), shared == 1 ? "child" : "parent"); }

int main(int argc, char **argv) {
    if (argc > 1) { pause_ms(30); return 12; }
    int status, fd = MUST(dup(1));
    long from = now_ms();
    pid_t p = vfork();
    if (p == 0) { shared = 5; close(fd); pause_ms(30); _exit(3); }
    say("shared %d waited %d descriptor %d\n", shared, now_ms() - from >= 30, fcntl(fd, F_GETFD));
    reap("exit", p);
    p = vfork();
    if (p == 0) { execl("/nowhere", "x", NULL); shared = errno; _exit(4); }
    say("%s\n", error_name(shared));
    reap("failed exec", p);
    p = vfork();
    if (p == 0) { execl("/proc/self/exe", argv[0], "x", NULL); _exit(5); }
    say("runs on %d\n", waitpid(p, &status, WNOHANG) == 0);
    reap("exec", p);
    p = vfork();
    if (p == 0) { shared = 9; kill(getpid(), SIGKILL); }
    say("shared %d\n", shared);
    reap("killed", p);
    handle_with(SIGUSR1, handler, 0);
    p = vfork();
    if (p == 0) { shared = 1; kill(getpid(), SIGUSR1); shared = 2; kill(getppid(), SIGUSR1); pause_ms(10); _exit(6); }
    reap("signals", p);
    p = vfork();
    if (p == 0) { signal(SIGUSR1, SIG_IGN); _exit(0); }
    reap("dispositions", p);
    raise(SIGUSR1);
}
