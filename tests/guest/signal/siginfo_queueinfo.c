// rt_sigqueueinfo(2) and rt_tgsigqueueinfo(2) hand over any siginfo to oneself; to others not one that looks like kill's.
#include "check.h"

static void handler(int sig, siginfo_t *i, void *context) {
    (void)context;
    say("%s errno %d code %d pid %d uid %d value %#lx\n", signal_name(sig), i->si_errno, i->si_code, i->si_pid, i->si_uid,
        i->si_code >= 0 || i->si_code == SI_TKILL ? 0 : (long)i->si_value.sival_ptr);
}

int main(void) {
    handle_with(SIGUSR1, handler, 0);
    handle_with(SIGSEGV, handler, 0);
    siginfo_t i;
    int codes[] = {-1, -2, -3, -6, -60, 0, 3, 0x80};
    for (unsigned n = 0; n < sizeof codes / sizeof *codes; n++) {
        memset(&i, 0, sizeof i);
        i.si_signo = 99;
        i.si_code = codes[n];
        i.si_pid = 11;
        i.si_uid = 22;
        i.si_value.sival_ptr = (void *)0x123456789abcdef0;
        say("code %d\n", codes[n]);
        VALUE(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &i));
        VALUE(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGUSR1, &i));
        if (codes[n] < 0) VALUE(syscall(SYS_rt_sigqueueinfo, getpid(), SIGSEGV, &i));
    }
    pid_t child = CHILD(pause_ms(20000));
    VALUE(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &i));
    i.si_code = SI_TKILL;
    VALUE(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &i));
    VALUE(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, (void *)8));
    VALUE(syscall(SYS_rt_sigqueueinfo, getpid(), 65, &i));
    kill(child, SIGKILL);
    reap("child", child);
}
