// Signals rain on threads that change their masks and repair faults meanwhile: each comes with its siginfo.
#include "check.h"
enum { THREADS = 4, EACH = 400 };
static _Atomic int tids[THREADS], wrong, stop;
static _Atomic long got;
static _Thread_local char *volatile guarded;
static void queued(int sig, siginfo_t *i, void *c) {
    (void)sig, (void)c;
    if (i->si_code != SI_QUEUE || i->si_pid != getpid()) wrong++;
    got += i->si_value.sival_int;
}
static void fault(int sig, siginfo_t *i, void *c) {
    (void)sig, (void)c;
    if (i->si_code != SEGV_ACCERR || mprotect(guarded, PAGE, PROT_READ | PROT_WRITE)) _exit(9);
}
static void *thread(void *n) {
    char *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    guarded = page;
    tids[(long)n] = (int)syscall(SYS_gettid);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    while (!stop) {
        *(volatile char *)page = 1;
        mprotect(page, PAGE, PROT_READ);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    }
    return NULL;
}
int main(void) {
    handle_with(SIGRTMIN, queued, SA_RESTART);
    handle_with(SIGRTMIN + 1, queued, SA_RESTART);
    handle_with(SIGSEGV, fault, 0);
    pthread_t t[THREADS];
    for (long n = 0; n < THREADS; n++) pthread_create(&t[n], NULL, thread, (void *)n);
    for (int n = 0; n < THREADS; n++) while (!tids[n]) usleep(100);
    long sent = 0;
    for (int r = 0; r < EACH; r++) for (int n = 0; n < THREADS; n++) {
        siginfo_t i;
        memset(&i, 0, sizeof i);
        i.si_code = SI_QUEUE, i.si_pid = getpid(), i.si_value.sival_int = r + 1;
        while (syscall(SYS_rt_tgsigqueueinfo, getpid(), tids[n], SIGRTMIN + r % 2, &i)) if (errno != EAGAIN) give_up("rt_tgsigqueueinfo", __LINE__); else usleep(100);
        sent += r + 1;
    }
    for (int i = 0; i < 20000 && got != sent; i++) usleep(1000);
    stop = 1;
    for (int n = 0; n < THREADS; n++) pthread_join(t[n], NULL);
    say("all came %d, without their siginfo %d\n", got == sent, wrong);
}
