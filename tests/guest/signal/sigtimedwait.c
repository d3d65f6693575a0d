// sigtimedwait(2): takes blocked signals with their siginfo, lowest first, times out with EAGAIN, EINTR for another one.
#include "check.h"

static void handler(int sig, siginfo_t *i, void *context) { (void)i, (void)context; say("  handled %s\n", signal_name(sig)); }

int main(void) {
    sigset_t set = set_of(SIGUSR1, SIGRTMIN);
    sigaddset(&set, SIGSEGV);
    sigaddset(&set, SIGFPE);
    sigprocmask(SIG_BLOCK, &set, NULL);
    handle_with(SIGUSR2, handler, SA_RESTART);
    struct timespec zero = {0, 0}, little = {0, 5000000}, bad = {0, 2000000000};
    siginfo_t i;
    VALUE(sigtimedwait(&set, &i, &zero));
    VALUE(sigtimedwait(&set, &i, &little));
    VALUE(sigtimedwait(&set, &i, &bad));
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 5});
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 6});
    raise(SIGUSR1);
    for (int n = 0; n < 3; n++) {
        memset(&i, 0, sizeof i);
        say("%s", signal_name(sigwaitinfo(&set, &i)));
        say(" signo %d code %d value %d own %d\n", i.si_signo, i.si_code, i.si_code == SI_QUEUE ? i.si_value.sival_int : 0, i.si_pid == getpid());
    }
    say("signals that the CPU raises, but sent\n");
    kill(getpid(), SIGSEGV);
    raise(SIGFPE);
    sigset_t pending;
    sigpending(&pending);
    say("pending SEGV %d FPE %d USR1 %d\n", sigismember(&pending, SIGSEGV), sigismember(&pending, SIGFPE), sigismember(&pending, SIGUSR1));
    for (int n = 0; n < 2; n++) {
        int got = sigtimedwait(&set, &i, &little);
        say("%s code %d\n", got > 0 ? signal_name(got) : error_name(errno), got > 0 ? i.si_code : 0);
    }
    pid_t me = getpid(), helper = CHILD(until_asleep(me); kill(me, SIGUSR2));
    VALUE(sigwaitinfo(&set, &i));
    reap("helper", helper);
    helper = CHILD(until_asleep(me); kill(me, SIGUSR1));
    VALUE(sigwaitinfo(&set, NULL));
    reap("helper", helper);
    // To the thread: a process's may be taken by a thread of qemu-user's own.
    helper = CHILD(until_asleep(me); syscall(SYS_tgkill, me, me, SIGSEGV));
    VALUE(sigwaitinfo(&set, NULL));
    reap("helper", helper);
    VALUE(syscall(SYS_rt_sigtimedwait, &set, NULL, &zero, 4));
    VALUE(syscall(SYS_rt_sigtimedwait, 8, NULL, &zero, 8));
    raise(SIGUSR1);
    VALUE(syscall(SYS_rt_sigtimedwait, &set, 8, &zero, 8));
    int sig;
    raise(SIGUSR1);
    RETURNS(sigwait(&set, &sig));
    say("sigwait: %s\n", signal_name(sig));
}
