// qemu-user: a vfork is a fork
// rootfs: too
// Children that share memory, in namespaces of their own by clone(2), clone3(2) and unshare(2); what the parent, which has
// been lent their work, can do afterwards.
#include "check.h"
#include <linux/sched.h>
#include <sys/mount.h>
#include <sys/utsname.h>

static char stack[1 << 16] __attribute__((aligned(16)));
static int saw[4];
static char seen[64], name[64];

static void vforked(const char *who, int flags, int (*body)(void *)) {
    pid_t told = -1;
    pid_t pid = clone(body, stack + sizeof stack, CLONE_VM | CLONE_VFORK | flags | SIGCHLD, NULL, &told, NULL, NULL);
    if (pid < 0) { say("%s: %s\n", who, error_name(errno)); return; }
    if (flags & CLONE_PARENT_SETTID) say("%s: told %d\n", who, told == pid);
    reap(who, pid);
}

static int uts(void *x) {
    struct utsname u;
    saw[0] = sethostname("inside", 6);
    uname(&u);
    strcpy(seen, u.nodename);
    return x != NULL;
}

static int pid(void *x) {
    saw[0] = getpid(), saw[1] = getppid();
    return x != NULL;
}

static int mounts(void *x) {
    saw[0] = mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    saw[1] = mkdir("d", 0700);
    saw[2] = mount("none", "d", "tmpfs", 0, NULL);
    saw[3] = mkdir("d/inside", 0700);
    return x != NULL;
}

static int unshares(void *x) {
    saw[0] = unshare(CLONE_NEWNS);
    return mounts(x);
}

static int user(void *x) {
    saw[0] = getuid() == 65534, saw[1] = geteuid() == 65534;
    return x != NULL;
}

static void executed(void) {
    reap("execve", CHILD(execl("/proc/self/exe", "program", "executed", NULL); _exit(1)));
    pid_t p = vfork();
    if (p == 0) { execl("/proc/self/exe", "program", "executed", NULL); _exit(1); }
    reap("vfork and execve", p);
}

static ino_t namespace(const char *path) {
    struct stat st;
    return stat(path, &st) ? 0 : st.st_ino;
}

// clone3(2) with a child that goes on where it is, as after vfork(2).
static inline __attribute__((always_inline)) long clone3(struct clone_args *a) {
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "0"(SYS_clone3), "D"(a), "S"(sizeof *a) : "rcx", "r11", "memory");
    return r;
}

static void times(int flags) {
    ino_t own = namespace("/proc/self/ns/time"), children = namespace("/proc/self/ns/time_for_children");
    static struct clone_args a;
    memset(&a, 0, sizeof a);
    a.flags = CLONE_NEWTIME | flags;
    a.exit_signal = SIGCHLD;
    volatile long r = clone3(&a);
    if (r == 0) _exit((namespace("/proc/self/ns/time") != own) | (namespace("/proc/self/ns/time_for_children") != children) << 1);
    if (r < 0) say("time: %s\n", error_name(-r)); else reap("time", r);
    say("still here: %d %d\n", namespace("/proc/self/ns/time") == own, namespace("/proc/self/ns/time_for_children") == children);
}

int main(int argc, char **argv) {
    if (argc > 1) { say("%s\n", argv[1]); return 3; }
    if (getuid() != 0) { say("not root\n"); return 0; }
    struct utsname u;
    uname(&u);
    strcpy(name, u.nodename);
    vforked("uts", CLONE_NEWUTS, uts);
    uname(&u);
    say("%d %s, still %d\n", saw[0], seen, !strcmp(u.nodename, name));
    vforked("pid", CLONE_NEWPID | CLONE_PARENT_SETTID, pid);
    say("%d %d\n", saw[0], saw[1]);
    vforked("mounts", CLONE_NEWNS, mounts);
    say("%d %d %d %d, outside %s\n", saw[0], saw[1], saw[2], saw[3], error_name(access("d/inside", F_OK) ? errno : 0));
    executed();
    rmdir("d");
    vforked("unshare", 0, unshares);
    say("%d %d %d %d, outside %s\n", saw[0], saw[1], saw[2], saw[3], error_name(access("d/inside", F_OK) ? errno : 0));
    executed();
    vforked("user", CLONE_NEWUSER, user);
    say("%d %d, still %d\n", saw[0], saw[1], getuid());
    vforked("refused", CLONE_NEWNS | CLONE_FS, user);
    times(0);
    times(CLONE_VM | CLONE_VFORK);
    rmdir("d");
}
