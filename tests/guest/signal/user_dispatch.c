// PR_SET_SYSCALL_USER_DISPATCH: calls from outside a range become SIGSYS while a byte says so.
#include "check.h"
#include <linux/audit.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
enum { OFF, ON };
enum { ALLOW, BLOCK };

static char selector;
extern char after[];

static long dispatch(long mode, unsigned long offset, unsigned long len, void *byte) {
    errno = 0;
    return prctl(PR_SET_SYSCALL_USER_DISPATCH, mode, offset, len, byte);
}

/* The call whose end is named. */
__attribute__((noinline)) static long call(long nr) {
    long r;
    register long r10 asm("r10") = 4, r8 asm("r8") = 5, r9 asm("r9") = 6;
    asm volatile(".globl after\nsyscall\nafter:" : "=a"(r) : "a"(nr), "D"(0x123456789a), "S"(-2L), "d"(3L), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
    return r;
}

static void handler(int sig, siginfo_t *i, void *context) {
    selector = ALLOW;
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    say("%s code %d errno %d call %d arch %d address %s\n", signal_name(sig), i->si_code, i->si_errno, i->si_syscall,
        i->si_arch == AUDIT_ARCH_X86_64, i->si_call_addr == after ? "behind it" : "?");
    say("rip %s rax %lld rdi %#llx rsi %lld rdx %lld r10 %lld r8 %lld r9 %lld\n", r[REG_RIP] == (greg_t)after ? "behind it" : "?",
        r[REG_RAX], r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]);
    r[REG_RAX] = 4711;
}

/* The byte blocks only when the thread that made this one no longer asks it: that one waits, by a call. */
static void *thread(void *go_on) {
    char c;
    read(*(int *)go_on, &c, 1);
    selector = BLOCK;
    long pid = call(SYS_getpid);
    selector = ALLOW;
    say("in a thread %d\n", pid == getpid());
    return NULL;
}

int main(int argc, char **argv) {
    if (argc > 1) {
        say("in another program %d\n", call(SYS_getpid) == getpid());
        return 0;
    }
    VALUE(dispatch(OFF, 1, 0, NULL));
    VALUE(dispatch(OFF, 0, 0, &selector));
    VALUE(dispatch(ON, 1, 0, &selector));
    VALUE(dispatch(ON, 1, -1UL, &selector));
    VALUE(dispatch(ON, 0, 1, (void *)-1));
    VALUE(dispatch(77, 0, 0, NULL));
    handle_with(SIGSYS, handler, 0);
    VALUE(dispatch(ON, 0, 0, &selector));
    say("allowed %d\n", call(SYS_getpid) == getpid());
    selector = BLOCK;
    long r = call(SYS_getpid);
    say("blocked: %ld\n", r);
    selector = BLOCK;
    r = call(0xff00);
    say("no such call: %ld\n", r);

    // Neither children nor threads nor the next program have it; here it stays.
    pid_t p = fork();
    if (p == 0) {
        selector = BLOCK;
        long pid = call(SYS_getpid);
        selector = ALLOW;
        say("in a child %d\n", pid == getpid());
        _exit(0);
    }
    reap("child", p);
    int go_on[2];
    pipe(go_on);
    pthread_t t;
    pthread_create(&t, NULL, thread, go_on);
    dispatch(OFF, 0, 0, NULL);
    write(go_on[1], "", 1);
    pthread_join(t, NULL);
    dispatch(ON, 0, 0, &selector);
    reap("always", CHILD(dispatch(ON, 0, 0, NULL)));
    p = fork();
    if (p == 0) {
        dispatch(ON, 0, -1UL, &selector);
        selector = BLOCK;
        execl("/proc/self/exe", argv[0], "program", NULL);
    }
    reap("program", p);

    // Code in the range makes its calls whatever the byte says.
    VALUE(dispatch(ON, (unsigned long)after, 1, &selector));
    selector = BLOCK;
    long pid = call(SYS_getpid);
    selector = ALLOW;
    say("in the range %d\n", pid == getpid());
    // Blocked, it kills; what the byte may not be kills; so does a byte that cannot be read.
    reap("masked", CHILD(block(SIGSYS, 0); dispatch(ON, 0, 0, &selector); selector = BLOCK; call(SYS_getpid)));
    reap("byte", CHILD(dispatch(ON, 0, 0, &selector); selector = 2; call(SYS_getpid)));
    reap("unmapped", CHILD(handle_with(SIGSEGV, handler, 0); dispatch(ON, 0, 0, (void *)16); call(SYS_getpid)));
    VALUE(dispatch(OFF, 0, 0, NULL));
    selector = BLOCK;
    say("off %d\n", call(SYS_getpid) == getpid());
}
