// setns(2) between mount namespaces: what the root is in each, and what is mounted there; run by tests/inside.rs, natively in
// a root that was pivoted to and under felix.
//
//     mounts ROOT [exec]
//
// The root has /bin/mounts, /proc, and the directories /w (with `file`), shown from outside, and /dir. ROOT is its path
// outside, which leads nowhere. With `pivoted` before it the old root is still mounted below `/`. With `exec` it executes itself once more in the namespace that it has joined.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAY(call) (errno = 0, said(#call, (long)(call)))

static long said(const char *call, long result) {
    printf("%-60s %s\n", call, result < 0 ? strerrorname_np(errno) : "-");
    fflush(stdout);
    return result;
}

static struct stat root;

// Where we are.
static void where(const char *outside) {
    char cwd[PATH_MAX];
    struct stat st;
    printf("    cwd %s", getcwd(cwd, sizeof cwd) ? cwd : strerrorname_np(errno));
    printf(", root %s", !stat("/", &st) && st.st_ino == root.st_ino && st.st_dev == root.st_dev ? "ours" : "another");
    printf(", above it %s", !stat("/..", &st) && st.st_ino == root.st_ino ? "itself" : "another");
    printf(", /w/file %d, /dir/mounted %d, outside %d\n", !access("/w/file", F_OK), !access("/dir/mounted", F_OK), !access(outside, F_OK));
    fflush(stdout);
}

static int named(const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%s", name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void *in_a_thread(void *fd) {
    SAY(setns(*(int *)fd, CLONE_NEWNS));
    return 0;
}

// A process in a namespace of its own, with something mounted.
static int other(int *go_on) {
    int ready[2], end[2];
    char c;
    if (pipe(ready) || pipe(end)) exit(1);
    pid_t pid = fork();
    if (!pid) {
        close(end[1]), close(ready[0]);
        SAY(unshare(CLONE_NEWNS));
        SAY(mount("none", "/dir", "tmpfs", 0, 0));
        close(open("/dir/mounted", O_CREAT | O_WRONLY, 0600));
        SAY(mkdir("/dir/below", 0700));
        SAY(chdir("/dir/below"));
        if (write(ready[1], "x", 1) != 1 || read(end[0], &c, 1) < 0) exit(1);
        _exit(0);
    }
    close(ready[1]), close(end[0]);
    if (read(ready[0], &c, 1) != 1) exit(1);
    *go_on = end[1];
    return pid;
}

int main(int argc, char **argv) {
    if (!strcmp(argv[1], "pivoted")) {
        if (umount2(".", MNT_DETACH) || chdir("/")) return 1;
        argc--, argv++;
    }
    const char *outside = argv[1];
    // It begins in the directory that felix is in, if that is shared.
    if (argc < 4 && chdir("/")) return 1;
    stat("/", &root);
    if (argc == 5) {  // executed, in the namespace joined
        int home = atoi(argv[3]), there = atoi(argv[4]);
        where(outside);
        SAY(setns(home, 0)), where(outside);
        SAY(setns(there, 0)), where(outside);
        SAY(setns(home, 0)), where(outside);
        execl("/bin/mounts", "mounts", outside, "exec", "home", NULL);
        _exit(9);
    }
    if (argc == 4) {
        where(outside);
        return 0;
    }
    int go_on, pid = other(&go_on);
    char name[64];
    snprintf(name, sizeof name, "%d/ns/mnt", pid);
    int home = named("self/ns/mnt"), there = named(name), uts = named("self/ns/uts");
    int before = open("/w", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (argc == 3) {
        char numbers[2][16];
        fcntl(home, F_SETFD, 0), fcntl(there, F_SETFD, 0);
        sprintf(numbers[0], "%d", home), sprintf(numbers[1], "%d", there);
        SAY(setns(there, CLONE_NEWNS));
        execl("/bin/mounts", "mounts", outside, "exec", numbers[0], numbers[1], NULL);
        return 9;
    }
    SAY(setns(-1, CLONE_NEWNS));
    SAY(setns(before, CLONE_NEWNS));
    SAY(setns(there, CLONE_NEWUTS));
    SAY(setns(uts, CLONE_NEWNS));
    SAY(setns(uts, CLONE_NEWUTS));
    pthread_t thread;
    pthread_create(&thread, 0, in_a_thread, &there);
    pthread_join(thread, 0);
    where(outside);
    SAY(chdir("/w"));
    SAY(setns(home, CLONE_NEWNS)), where(outside);
    for (int i = 0; i < 2; i++) {
        SAY(setns(there, i ? 0 : CLONE_NEWNS)), where(outside);
        // From the namespace before.
        SAY(openat(before, "file", O_RDONLY | O_CLOEXEC));
        SAY(fchdir(before));
        SAY(access("file", F_OK));
        SAY(chroot("/w"));
        SAY(access("/file", F_OK));
        SAY(setns(home, 0)), where(outside);
    }
    SAY(chroot("/w"));
    SAY(chdir("/"));
    SAY(access("/file", F_OK));
    SAY(setns(home, CLONE_NEWNS)), where(outside);
    int pidfd = syscall(SYS_pidfd_open, pid, 0);
    SAY(setns(pidfd, 0));
    SAY(setns(pidfd, CLONE_NEWNS)), where(outside);
    SAY(unshare(CLONE_NEWNS));
    SAY(umount("/dir")), where(outside);
    SAY(setns(there, 0)), where(outside);
    SAY(setns(home, 0)), where(outside);
    int status, child = fork();
    if (!child) {
        where(outside);
        SAY(setns(there, 0)), where(outside);
        _exit(7);
    }
    waitpid(child, &status, 0);
    printf("child %x\n", status);
    close(go_on);
    waitpid(pid, &status, 0);
    printf("other %x\n", status);
    SAY(setns(there, 0)), where(outside);
    return 0;
}
