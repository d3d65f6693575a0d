// seccomp(2): filters are handed on to children, threads and programs that are executed; not to parents.
#include "check.h"
#include "filter.h"
#include <spawn.h>

extern char **environ;
static int filtered(void) { errno = 0; return syscall(SYS_umask, 022) == -1 ? errno : 0; }
static void *thread(void *who) { say("%s: %s\n", (char *)who, error_name(filtered())); return NULL; }

static void run(const char *who) {
    pthread_t t;
    MUST(pthread_create(&t, NULL, thread, (void *)who));
    pthread_join(t, NULL);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        say("%s: %s\n", argv[1], error_name(filtered()));
        VALUE(prctl(PR_GET_SECCOMP));
        say_seccomp(argv[1], "/proc/self/status");
        say_seccomp("thread-self", "/proc/thread-self/status");
        if (argc > 2) return 0;
        run("its thread");
        // A second filter, and a program again; an empty environment makes no difference.
        MUST(INSTALL(LOAD(NR), ON(SYS_getppid, SECCOMP_RET_ERRNO | EDOM), RETURN(SECCOMP_RET_ALLOW)));
        char *args[] = {argv[0], "the next program", "last", NULL};
        char *empty[] = {NULL};
        execve("/proc/self/exe", args, empty);
    }
    no_new_privs();
    pid_t before = CHILD(
        MUST(INSTALL(LOAD(NR), ON(SYS_umask, SECCOMP_RET_ERRNO | EXDEV), RETURN(SECCOMP_RET_ALLOW)));
        say("itself: %s\n", error_name(filtered()));
        reap("fork", CHILD(say("fork: %s\n", error_name(filtered()))));
        run("thread");
        pid_t p = vfork();
        if (p == 0) { say("vfork: %s\n", error_name(filtered())); _exit(0); }
        reap("vfork", p);
        char *args[] = {argv[0], "spawned", "last", NULL};
        MUST(-posix_spawn(&p, "/proc/self/exe", NULL, NULL, args, environ));
        reap("posix_spawn", p);
        execl("/proc/self/exe", argv[0], "program", NULL));
    reap("child", before);
    say("parent: %s\n", error_name(filtered()));
    // What a child that shares the memory installs is its own.
    pid_t p = vfork();
    if (p == 0) {
        struct sock_filter code[] = {LOAD(NR), ON(SYS_umask, SECCOMP_RET_ERRNO | EXDEV), RETURN(SECCOMP_RET_ALLOW)};
        struct sock_fprog program = {4, code};
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
        execl("/proc/self/exe", argv[0], "after vfork", "last", NULL);
        _exit(1);
    }
    reap("vfork and exec", p);
    say("parent: %s\n", error_name(filtered()));
    say_seccomp("parent", "/proc/self/status");
}
