// setns(2) between mount namespaces: what the root is in each, and what is mounted there; run by tests/inside.rs, natively in
// a root that was pivoted to and under felix.
//
//     mounts ROOT [exec]
//
// The root has /bin/mounts, /proc, and the directories /w (with `file`), shown from outside, and /dir. ROOT is its path
// outside, which leads nowhere. With `pivoted` before it the old root is still mounted below `/`. With `exec` it executes itself
// once more in the namespaces that it has joined: one with the same root, and one that has pivoted to another, as containers do.
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

// What /proc says of this process, if there is one: its command line, and whether it knows the stack.
static void self(void) {
    char command[512] = "none", *name = command, line[512];
    FILE *f = fopen("/proc/self/cmdline", "r");
    if (f && fgets(command, sizeof command, f) && strrchr(command, '/')) name = strrchr(command, '/') + 1;
    if (f) fclose(f);
    unsigned long start, end;
    int there = 0;
    if ((f = fopen("/proc/self/maps", "r"))) {
        while (fgets(line, sizeof line, f))
            there |= sscanf(line, "%lx-%lx", &start, &end) == 2 && (unsigned long)&start >= start && (unsigned long)&start < end && strstr(line, "[stack]") != NULL;
        fclose(f);
    }
    printf("    %s, its stack %d\n", name, there);
    fflush(stdout);
}

// Where we are.
static void where(const char *outside) {
    char cwd[PATH_MAX];
    struct stat st;
    printf("    cwd %s", getcwd(cwd, sizeof cwd) ? cwd : strerrorname_np(errno));
    printf(", root %s", !stat("/", &st) && st.st_ino == root.st_ino && st.st_dev == root.st_dev ? "ours" : "another");
    printf(", above it %s", !stat("/..", &st) && st.st_ino == root.st_ino ? "itself" : "another");
    printf(", /w/file %d, /dir/mounted %d", !access("/w/file", F_OK), !access("/dir/mounted", F_OK));
    printf(", /inner %d, outside %d\n", !access("/inner", F_OK), !access(outside, F_OK));
    fflush(stdout);
    self();
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

// A root in memory with a copy of this program, and the old one gone.
static void contain(void) {
    static char bytes[1 << 16];
    SAY(unshare(CLONE_NEWNS));
    SAY(mount("none", "/", 0, MS_REC | MS_PRIVATE, 0));
    SAY(mount("none", "/dir", "tmpfs", 0, 0));
    mkdir("/dir/inner", 0755), mkdir("/dir/old", 0755);
    int from = open("/bin/mounts", O_RDONLY | O_CLOEXEC), to = open("/dir/mounts", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    for (ssize_t n; (n = read(from, bytes, sizeof bytes)) > 0;)
        if (write(to, bytes, n) != n) exit(1);
    close(from), close(to);
    SAY(syscall(SYS_pivot_root, "/dir", "/dir/old"));
    SAY(umount2("/old", MNT_DETACH));
    SAY(chdir("/inner"));
}

// A process in a namespace of its own, with something mounted, or contained.
static int other(int *go_on, int contained) {
    int ready[2], end[2];
    char c;
    if (pipe(ready) || pipe(end)) exit(1);
    pid_t pid = fork();
    if (!pid) {
        close(end[1]), close(ready[0]);
        if (contained) {
            contain();
        } else {
            SAY(unshare(CLONE_NEWNS));
            SAY(mount("none", "/dir", "tmpfs", 0, 0));
            close(open("/dir/mounted", O_CREAT | O_WRONLY, 0600));
            SAY(mkdir("/dir/below", 0700));
            SAY(chdir("/dir/below"));
        }
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
    if (argc > 5) {  // executed, in the namespace joined
        int home = atoi(argv[3]), there = atoi(argv[4]), contained = atoi(argv[5]);
        where(outside);
        SAY(setns(home, 0)), where(outside);
        SAY(setns(argc == 6 ? there : contained, 0)), where(outside);
        SAY(setns(argc == 6 ? contained : there, 0)), where(outside);
        if (argc == 6) {
            execl("/mounts", "mounts", outside, "exec", argv[3], argv[4], argv[5], "inside", NULL);
            _exit(9);
        }
        SAY(setns(home, 0)), where(outside);
        execl("/bin/mounts", "mounts", outside, "exec", "home", NULL);
        _exit(9);
    }
    if (argc == 4) {
        where(outside);
        return 0;
    }
    int go_on[2], pid = other(&go_on[0], 0), inside = other(&go_on[1], 1);
    char name[64];
    snprintf(name, sizeof name, "%d/ns/mnt", pid);
    int home = named("self/ns/mnt"), there = named(name), uts = named("self/ns/uts");
    snprintf(name, sizeof name, "%d/ns/mnt", inside);
    int contained = named(name);
    int before = open("/w", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (argc == 3) {
        char numbers[3][16];
        int all[3] = {home, there, contained};
        for (int i = 0; i < 3; i++) fcntl(all[i], F_SETFD, 0), sprintf(numbers[i], "%d", all[i]);
        SAY(setns(there, CLONE_NEWNS));
        execl("/bin/mounts", "mounts", outside, "exec", numbers[0], numbers[1], numbers[2], NULL);
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
    // It has ended for those who join a moment before it has for setns(2).
    struct stat tasks;
    for (int i = 0; i < 5000 && !stat("/proc/self/task", &tasks) && tasks.st_nlink > 3; i++) usleep(1000);
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
    // A container, which has neither this root nor a /proc.
    pidfd = syscall(SYS_pidfd_open, inside, 0);
    SAY(setns(pidfd, CLONE_NEWNS)), where(outside);
    SAY(access("/proc/self", F_OK));
    SAY(fchdir(before));
    SAY(access("file", F_OK));
    SAY(setns(there, 0)), where(outside);
    SAY(setns(contained, 0)), where(outside);
    SAY(unshare(CLONE_NEWNS));
    SAY(mount("none", "/old", "tmpfs", 0, 0));
    SAY(setns(home, 0)), where(outside);
    SAY(unshare(CLONE_NEWNS));
    SAY(umount("/dir")), where(outside);
    SAY(setns(there, 0)), where(outside);
    SAY(setns(home, 0)), where(outside);
    int status, child = fork();
    if (!child) {
        where(outside);
        SAY(setns(there, 0)), where(outside);
        SAY(setns(contained, 0)), where(outside);
        _exit(7);
    }
    waitpid(child, &status, 0);
    printf("child %x\n", status);
    close(go_on[0]), close(go_on[1]);
    waitpid(pid, &status, 0);
    printf("other %x\n", status);
    waitpid(inside, &status, 0);
    printf("contained %x\n", status);
    SAY(setns(there, 0)), where(outside);
    return 0;
}
