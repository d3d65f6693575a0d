// seccomp(2): what each action does to a call, and whether the call is made.
#include "check.h"
#include "filter.h"

#define WITH(k, ...) CHILD(no_new_privs(); \
    MUST(INSTALL(LOAD(NR), ON(SYS_umask, (k)), RETURN(SECCOMP_RET_ALLOW))); __VA_ARGS__)

int main(void) {
    umask(022);
    reap("errno", WITH(SECCOMP_RET_ERRNO | EXDEV, VALUE(syscall(SYS_umask, 077))));
    reap("errno 0", WITH(SECCOMP_RET_ERRNO, VALUE(syscall(SYS_umask, 077))));
    reap("errno 4095", WITH(SECCOMP_RET_ERRNO | 4095, long r = syscall(SYS_umask, 077); say("%ld %d\n", r, errno)));
    reap("errno 65535", WITH(SECCOMP_RET_ERRNO | 0xffff, long r = syscall(SYS_umask, 077); say("%ld %d\n", r, errno)));
    reap("log", WITH(SECCOMP_RET_LOG, VALUE(syscall(SYS_umask, 077)); VALUE(syscall(SYS_umask, 0))));
    reap("allow", WITH(SECCOMP_RET_ALLOW | 5, VALUE(syscall(SYS_umask, 077))));
    reap("trace", WITH(SECCOMP_RET_TRACE | 5, VALUE(syscall(SYS_umask, 077))));
    reap("nobody notified", WITH(SECCOMP_RET_USER_NOTIF, VALUE(syscall(SYS_umask, 077))));
    reap("kill process", WITH(SECCOMP_RET_KILL_PROCESS, say("before\n"); syscall(SYS_umask, 077); say("after\n")));
    reap("kill thread", WITH(SECCOMP_RET_KILL_THREAD, syscall(SYS_umask, 077); say("after\n")));
    reap("unknown", WITH(0x12340000, syscall(SYS_umask, 077); say("after\n")));
    reap("above allow", WITH(0x7fff0000 | 0x1234, VALUE(syscall(SYS_umask, 077))));
    reap("trap", WITH(SECCOMP_RET_TRAP, syscall(SYS_umask, 077); say("after\n")));
    reap("trap ignored", WITH(SECCOMP_RET_TRAP, signal(SIGSYS, SIG_IGN); syscall(SYS_umask, 077); say("after\n")));
    // A number that does not exist is judged like any other.
    reap("no such call", CHILD(no_new_privs();
        MUST(INSTALL(LOAD(NR), ON(999999, SECCOMP_RET_ERRNO | EDOM), ON(0xffffffff, SECCOMP_RET_ERRNO | EXDEV), RETURN(SECCOMP_RET_ALLOW)));
        VALUE(syscall(999999));
        VALUE(syscall(-1));
        VALUE(syscall(999998))));
    VALUE(syscall(SYS_umask, 022));
}
