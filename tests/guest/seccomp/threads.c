// seccomp(2): a filter is a thread's own, unless SECCOMP_FILTER_FLAG_TSYNC gives it to all.
#include "check.h"
#include "filter.h"

static struct gate go, done;
static pid_t tid;
static volatile int own;
static int filtered(void) { errno = 0; return syscall(SYS_umask, 022) == -1 ? errno : 0; }

static void *other(void *unused) {
    tid = gettid();
    say("at first: %s\n", error_name(filtered()));
    if (own) MUST(INSTALL(LOAD(NR), ON(SYS_getppid, SECCOMP_RET_ERRNO | EDOM), RETURN(SECCOMP_RET_ALLOW)));
    gate_open(done);
    gate_wait(go);
    say("then: %s\n", error_name(filtered()));
    say("no_new_privs %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    say_seccomp("thread", "/proc/thread-self/status");
    return unused;
}

static void with(const char *what, unsigned flags, int divergent) {
    reap(what, CHILD(
        own = divergent;
        go = gate_make();
        done = gate_make();
        if (divergent) no_new_privs();
        pthread_t t;
        MUST(pthread_create(&t, NULL, other, NULL));
        gate_wait(done);
        no_new_privs();
        long r = INSTALL_WITH(flags, LOAD(NR), ON(SYS_umask, SECCOMP_RET_ERRNO | EXDEV), RETURN(SECCOMP_RET_ALLOW));
        say("%s: %s\n", what, r == 0 ? "done" : r == tid ? "the other's id" : error_name(errno));
        say("itself: %s\n", error_name(filtered()));
        gate_open(go);
        pthread_join(t, NULL)));
}

static void *leader_survives(void *unused) {
    pause_ms(100);
    say("the others live on\n");
    syscall(SYS_exit_group, 5);
    return unused;
}
static void *is_killed(void *unused) { syscall(SYS_umask, 0); say("after\n"); return unused; }

int main(void) {
    with("its own", 0, 0);
    with("for all", SECCOMP_FILTER_FLAG_TSYNC, 0);
    with("one has its own", SECCOMP_FILTER_FLAG_TSYNC, 1);
    with("one has its own", SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH, 1);
    reap("a thread is killed", CHILD(
        no_new_privs();
        MUST(INSTALL(LOAD(NR), ON(SYS_umask, SECCOMP_RET_KILL_THREAD), RETURN(SECCOMP_RET_ALLOW)));
        pthread_t t;
        MUST(pthread_create(&t, NULL, is_killed, NULL));
        RETURNS(pthread_join(t, NULL));
        say("lives on\n")));
    reap("a thread kills all", CHILD(
        no_new_privs();
        MUST(INSTALL(LOAD(NR), ON(SYS_umask, SECCOMP_RET_KILL_PROCESS), RETURN(SECCOMP_RET_ALLOW)));
        pthread_t t;
        MUST(pthread_create(&t, NULL, is_killed, NULL));
        pthread_join(t, NULL);
        say("lives on\n")));
    reap("the first thread is killed", CHILD(
        no_new_privs();
        MUST(INSTALL(LOAD(NR), ON(SYS_umask, SECCOMP_RET_KILL_THREAD), RETURN(SECCOMP_RET_ALLOW)));
        pthread_t t;
        MUST(pthread_create(&t, NULL, leader_survives, NULL));
        is_killed(NULL)));
}
