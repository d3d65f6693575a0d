// core(5): all threads are in a core file, the one that died first.
// qemu-user: makes what it dumps core of its own
#include "check.h"
#include "corefile.h"

static int fd[2];
static struct gate ready;
static pid_t tids[4];
static int count, first = 1, computing, blocking;

static void *waits_in_a_call(void *which) {
    tids[(long)which] = gettid();
    gate_open(ready);
    char c;
    read(fd[0], &c, 1);
    return NULL;
}
static void *computes(void *which) {
    tids[(long)which] = gettid();
    gate_open(ready);
    asm volatile("mov $0x77777, %%r13\n1: jmp 1b" ::: "r13");
    return NULL;
}
static void *blocks_everything(void *which) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    return waits_in_a_call(which);
}
static void *dies(void *which) {
    tids[(long)which] = gettid();
    for (int i = 0; i < 3; i++) until_asleep(tids[0]);
    *(volatile int *)16 = 1;
    return NULL;
}

static void note(const char *name, unsigned type, const char *desc, unsigned size) {
    if (type == NT_PRSTATUS) {
        const struct elf_prstatus *s = (void *)desc;
        const struct user_regs_struct *r = (void *)s->pr_reg;
        count++;
        if (first) say("first: signal %d\n", s->pr_cursig), first = 0;
        if (r->r13 == 0x77777) computing++;
        if (s->pr_sighold == 0xfffffffe7ffbfeff || s->pr_sighold == 0xfffffffffffbfeff) blocking++;
    }
    (void)name, (void)size;
}

int main(void) {
    core_limit(RLIM_INFINITY);
    MUST(pipe(fd));
    ready = gate_make();
    reap("child", CHILD(
        pthread_t t;
        MUST(pthread_create(&t, NULL, waits_in_a_call, (void *)0));
        MUST(pthread_create(&t, NULL, computes, (void *)1));
        MUST(pthread_create(&t, NULL, blocks_everything, (void *)2));
        gate_wait(ready); gate_wait(ready); gate_wait(ready);
        MUST(pthread_create(&t, NULL, dies, (void *)3));
        pthread_join(t, NULL)));
    struct core c = core_open("core");
    if (!c.base) return 0;
    core_notes(&c, note);
    say("%d threads, %d computing, %d with everything blocked\n", count, computing, blocking);
    // Two at once: one core, one death.
    unlink("core");
    reap("both", CHILD(
        pthread_t t;
        MUST(pthread_create(&t, NULL, waits_in_a_call, (void *)0));
        gate_wait(ready);
        pthread_t u;
        MUST(pthread_create(&t, NULL, dies, (void *)1));
        MUST(pthread_create(&u, NULL, dies, (void *)2));
        pthread_join(t, NULL)));
    c = core_open("core");
}
