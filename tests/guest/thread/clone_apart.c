// Threads that do not share what threads share: descriptors (CLONE_FILES), current directory and umask (CLONE_FS), and the undoing of
// semaphores (CLONE_SYSVSEM).
#include "check.h"
#include <linux/futex.h>
#include <linux/sched.h>
#include <sys/sem.h>
// rootfs: too

static char stack[1 << 16] __attribute__((aligned(16)));
static int opened, set;
static pid_t running;

// Without thread-local storage of its own: nothing that sets errno.
static int body(void *x) {
    struct sembuf up = {.sem_op = 1, .sem_flg = SEM_UNDO};
    opened = syscall(SYS_openat, AT_FDCWD, x, O_PATH, 0);
    syscall(SYS_chdir, x);
    syscall(SYS_umask, 077);
    syscall(SYS_semop, set, &up, 1);
    syscall(SYS_exit, 0);
    return 0;
}

int main(void) {
    MUST(mkdir("d", 0700));
    set = MUST(semget(IPC_PRIVATE, 1, 0600));
    for (int i = 0; i < 8; i++) {
        int flags = (i & 1 ? CLONE_FS : 0) | (i & 2 ? CLONE_FILES : 0) | (i & 4 ? CLONE_SYSVSEM : 0);
        semctl(set, 0, SETVAL, 0);
        umask(0);
        MUST(clone(body, stack + sizeof stack, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID | flags, "d",
                   &running, NULL, &running));
        for (pid_t t; (t = __atomic_load_n(&running, __ATOMIC_ACQUIRE));) syscall(SYS_futex, &running, FUTEX_WAIT, t, NULL, NULL, 0);
        char at[PATH_MAX];
        TRUE(getcwd(at, sizeof at));
        int inside = !strcmp(strrchr(at, '/'), "/d");
        say("%d: in d %d, opened %d, umask %o, ", i, inside, fcntl(opened, F_GETFD) == 0, umask(0));
        // What a thread undoes, it does a moment after it has told that it has ended.
        int undone = 0;
        for (int n = 0; n < 500 && !(undone = !semctl(set, 0, GETVAL)) && !(flags & CLONE_SYSVSEM); n++) usleep(1000);
        say("undone %d\n", undone);
        if (inside) MUST(chdir(".."));
        close(opened);
    }
    semctl(set, 0, IPC_RMID);
    struct clone_args a = {.flags = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_INTO_CGROUP, .stack = (long)stack, .stack_size = sizeof stack};
    a.cgroup = 60;
    VALUE(syscall(SYS_clone3, &a, sizeof a));
    a.cgroup = MUST(open(".", O_RDONLY | O_DIRECTORY));
    VALUE(syscall(SYS_clone3, &a, sizeof a));
    return 0;
}
