// seccomp(2): of several filters the most severe action wins, of equal ones the newest; none is ever taken away.
#include "check.h"
#include "filter.h"

static const unsigned actions[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO | 1,
    SECCOMP_RET_ERRNO | 2, SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE, SECCOMP_RET_LOG, SECCOMP_RET_ALLOW};
#define COUNT (int)(sizeof actions / sizeof *actions)

static void handler(int sig, siginfo_t *i, void *c) { (void)c; say("  %s %d\n", signal_name(sig), i->si_code); }

int main(void) {
    no_new_privs();
    handle_with(SIGSYS, handler, 0);
    for (int a = 0; a < COUNT; a++)
        for (int b = 0; b < COUNT; b++) {
            char who[64];
            snprintf(who, sizeof who, "%#x then %#x", actions[a], actions[b]);
            reap(who, CHILD(
                MUST(INSTALL(LOAD(NR), ON(SYS_umask, actions[a]), RETURN(SECCOMP_RET_ALLOW)));
                MUST(INSTALL(LOAD(NR), ON(SYS_umask, actions[b]), RETURN(SECCOMP_RET_ALLOW)));
                errno = 0;
                long r = syscall(SYS_umask, 022);
                say("  %ld %s\n", r, error_name(errno))));
        }
    say_seccomp("none", "/proc/self/status");
    MUST(INSTALL(RETURN(SECCOMP_RET_ALLOW)));
    MUST(INSTALL(LOAD(NR), ON(SYS_seccomp, SECCOMP_RET_ERRNO | EPERM), RETURN(SECCOMP_RET_ALLOW)));
    VALUE(INSTALL(RETURN(SECCOMP_RET_ALLOW)));
    say_seccomp("two", "/proc/self/status");
    // How many fit: the limit counts what Linux makes of the instructions.
    reap("long ones", CHILD(
        struct sock_filter many[4096];
        int n = 0;
        for (int i = 0; i < 4096; i++) {
            struct sock_filter kinds[] = {LOAD(NR), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 5000, 0, 0), BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 5000, 1, 1),
                BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x80000000, 0, 1), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 5000, 0, 1),
                BPF_STMT(BPF_LDX | BPF_IMM, 1), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), RETURN(SECCOMP_RET_ALLOW)};
            many[i] = kinds[i < 4090 ? i % 7 : 7];
        }
        struct sock_fprog p = {4096, many};
        while (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) == 0) n++;
        say("%d, then %s\n", n, error_name(errno))));
    reap("short ones", CHILD(
        struct sock_filter one[] = {RETURN(SECCOMP_RET_ALLOW)};
        struct sock_fprog p = {1, one};
        int n = 0;
        while (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) == 0) n++;
        say("%d, then %s\n", n, error_name(errno))));
}
