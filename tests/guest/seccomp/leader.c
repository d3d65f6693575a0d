// seccomp(2): the first thread is killed, the last of the others ends by itself: what the parent sees is the first one's end.
// qemu-user: has no seccomp(2), by which felix ends a thread so
#include "check.h"
#include "filter.h"

static void *later(void *unused) {
    pause_ms(100);
    say("the other ends\n");
    syscall(SYS_exit, 5);
    return unused;
}

int main(void) {
    reap("filter", CHILD(
        no_new_privs();
        pthread_t t;
        MUST(pthread_create(&t, NULL, later, NULL));
        MUST(INSTALL(LOAD(NR), ON(SYS_umask, SECCOMP_RET_KILL_THREAD), RETURN(SECCOMP_RET_ALLOW)));
        syscall(SYS_umask, 0);
        say("after\n")));
    reap("strict", CHILD(
        pthread_t t;
        MUST(pthread_create(&t, NULL, later, NULL));
        MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
        syscall(SYS_umask, 0);
        say("after\n")));
}
