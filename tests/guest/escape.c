// A program that tries to get out of its rootfs; run by tests/escape.rs, which made the place.
//
//     escape TOP STATE [race]
//
// HOME is TOP/home, and may be shared with what is in it; so may the host's /run and /tmp.
// TOP is a host directory: `root` in it is the root, TOP/secret holds "outside", TOP/outside is open as descriptor 9.
// STATE is what the program does first: rooted (nothing), chrooted (chroot to /srv), entered (a mount namespace of its
// own), or both. For every call that takes a path, every road that may lead to TOP is tried; what the call did
// is looked at here where it can be seen from inside, and by the test, which compares TOP before and after.
// One line for each call: how many roads, and which of them led out.
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

static char roads[160][PATH_MAX];
static const char *kinds[160];
static int road_count;
static struct stat secret;
static char top[PATH_MAX];

// The directory that "secret" and "outside" are in, by another way.
static void road(const char *kind, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(roads[road_count], PATH_MAX, format, args);
    va_end(args);
    kinds[road_count++] = kind;
}

static void link_to(const char *name, const char *target) {
    unlink(name);
    if (symlink(target, name)) perror(name);
}

static int has_secret(int fd) {
    char text[16] = "";
    struct stat st;
    if (fd < 0) return 0;
    // A file or a directory of outside, whichever it is.
    int out = (!fstat(fd, &st) && st.st_dev == secret.st_dev && st.st_ino == secret.st_ino) ||
              (pread(fd, text, 7, 0) == 7 && !memcmp(text, "outside", 7));
    int below = openat(fd, "secret", O_RDONLY);
    if (below >= 0) {
        out |= pread(below, text, 7, 0) == 7 && !memcmp(text, "outside", 7);
        close(below);
    }
    close(fd);
    return out;
}

static int same_stat(const struct stat *st) {
    return st->st_dev == secret.st_dev && st->st_ino == secret.st_ino;
}

// Each tries one call on a path; not 0 if it led out.
#define TRY(name) static int name(const char *path)

TRY(try_open) { return has_secret(open(path, O_RDONLY)); }
TRY(try_open_write) { return has_secret(open(path, O_RDWR)); }
TRY(try_o_path) { return has_secret(open(path, O_PATH)); }
TRY(try_openat) { return has_secret(openat(9, path, O_RDONLY)); }
TRY(try_creat) {
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
    if (fd < 0) return 0;
    // If it is outside the test finds it.
    close(fd);
    unlink(path);
    return 0;
}
TRY(try_openat2) {
    for (unsigned long long resolve = 0; resolve < 0x40; resolve += resolve ? resolve : 1) {
        unsigned long long how[3] = {O_RDONLY, 0, resolve};
        if (has_secret(syscall(437, AT_FDCWD, path, how, sizeof how))) return 1;
    }
    return 0;
}
TRY(try_tmpfile) { close(open(path, O_TMPFILE | O_RDWR, 0600)); return 0; }
TRY(try_stat) { struct stat st; return !syscall(SYS_stat, path, &st) && same_stat(&st); }
TRY(try_lstat) { struct stat st; return !syscall(SYS_lstat, path, &st) && same_stat(&st); }
TRY(try_fstatat) { struct stat st; return !fstatat(9, path, &st, 0) && same_stat(&st); }
TRY(try_statx) {
    struct statx st;
    return !statx(AT_FDCWD, path, 0, STATX_INO, &st) && st.stx_ino == secret.st_ino;
}
TRY(try_access) { return !access(path, F_OK); }
TRY(try_faccessat2) { return !syscall(439, AT_FDCWD, path, R_OK, AT_EACCESS); }
TRY(try_readlink) { char b[PATH_MAX]; return readlink(path, b, sizeof b) == 7 && !memcmp(b, "outlink", 7); }
TRY(try_truncate) { truncate(path, 3); return 0; }
TRY(try_chmod) { chmod(path, 0777); fchmodat(AT_FDCWD, path, 0777, 0); syscall(452, AT_FDCWD, path, 0777, 0); return 0; }
TRY(try_chown) { chown(path, 7, 7); lchown(path, 7, 7); fchownat(AT_FDCWD, path, 7, 7, 0); return 0; }
TRY(try_utimes) {
    struct timespec t[2] = {{1, 0}, {1, 0}};
    struct utimbuf u = {1, 1};
    struct timeval v[2] = {{1, 0}, {1, 0}};
    utimensat(AT_FDCWD, path, t, 0), syscall(SYS_utime, path, &u), syscall(SYS_utimes, path, v);
    syscall(SYS_futimesat, AT_FDCWD, path, v);
    return 0;
}
TRY(try_link_from) {
    unlink("/scratch/stolen");
    int made = !linkat(AT_FDCWD, path, AT_FDCWD, "/scratch/stolen", AT_SYMLINK_FOLLOW) || !link(path, "/scratch/stolen");
    return made && has_secret(open("/scratch/stolen", O_RDONLY));
}
TRY(try_link_to) { link("/scratch/mine", path); linkat(AT_FDCWD, "/scratch/mine", AT_FDCWD, path, 0); return 0; }
TRY(try_symlink) { symlink("x", path); symlinkat("x", AT_FDCWD, path); return 0; }
TRY(try_rename_to) { rename("/scratch/mine", path); renameat2(AT_FDCWD, "/scratch/mine", AT_FDCWD, path, RENAME_EXCHANGE); return 0; }
TRY(try_rename_from) { rename(path, "/scratch/taken"); return 0; }
TRY(try_mkdir) { mkdir(path, 0700); mkdirat(AT_FDCWD, path, 0700); return 0; }
TRY(try_mknod) { mknod(path, S_IFIFO | 0600, 0); mknodat(AT_FDCWD, path, S_IFREG | 0600, 0); return 0; }
TRY(try_unlink) { unlink(path); unlinkat(AT_FDCWD, path, 0); return 0; }
TRY(try_rmdir) { rmdir(path); unlinkat(AT_FDCWD, path, AT_REMOVEDIR); return 0; }
TRY(try_chdir) {
    int old = open(".", O_PATH), out = 0;
    if (!chdir(path)) out = has_secret(open("secret", O_RDONLY)) | has_secret(open("../secret", O_RDONLY));
    fchdir(old), close(old);
    return out;
}
TRY(try_chroot) {
    pid_t child = fork();
    if (!child) _exit(!chroot(path) && (has_secret(open("/secret", O_RDONLY)) || has_secret(open("/../secret", O_RDONLY))));
    int status;
    waitpid(child, &status, 0);
    return status != 0;
}
TRY(try_execve) {
    pid_t child = fork();
    if (!child) {
        char *argv[] = {(char *)path, 0};
        execve(path, argv, argv + 1), syscall(SYS_execveat, AT_FDCWD, path, argv, argv + 1, 0);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    // TOP/program exits with 77.
    return status == 77 << 8;
}
// There is no such name inside.
TRY(try_statfs) { struct statfs st; return !statfs(path, &st); }
TRY(try_setxattr) { setxattr(path, "user.felix", "x", 1, 0); lsetxattr(path, "user.felix", "x", 1, 0); return 0; }
TRY(try_getxattr) { char b[16]; return getxattr(path, "user.secret", b, sizeof b) > 0 || lgetxattr(path, "user.secret", b, sizeof b) > 0; }
TRY(try_listxattr) { char b[64]; return listxattr(path, b, sizeof b) > 0 || llistxattr(path, b, sizeof b) > 0; }
TRY(try_removexattr) { removexattr(path, "user.secret"); lremovexattr(path, "user.secret"); return 0; }
TRY(try_inotify) {
    int fd = inotify_init1(0), n = inotify_add_watch(fd, path, IN_OPEN);
    close(fd);
    return n >= 0;
}
TRY(try_fanotify) {
    int fd = fanotify_init(FAN_CLASS_NOTIF, 0), n = fd < 0 ? -1 : fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, path);
    close(fd);
    return !n;
}
TRY(try_handle) {
    struct { struct file_handle h; char room[128]; } handle = {.h.handle_bytes = 128};
    int mount;
    if (name_to_handle_at(AT_FDCWD, path, &handle.h, &mount, AT_SYMLINK_FOLLOW)) return 0;
    int at = open("/", O_RDONLY), out = has_secret(open_by_handle_at(at, &handle.h, O_RDONLY));
    close(at);
    return out;
}
TRY(try_mount) {
    pid_t child = fork();
    if (!child) _exit(!mount(path, "/mnt", 0, MS_BIND, 0) && (has_secret(open("/mnt", O_RDONLY)) || has_secret(open("/mnt/secret", O_RDONLY))));
    int status;
    waitpid(child, &status, 0);
    umount2("/mnt", MNT_DETACH);
    return status != 0;
}
TRY(try_mount_on) { if (!mount("none", path, "tmpfs", 0, 0)) umount2(path, MNT_DETACH); return 0; }
TRY(try_umount) { umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW); return 0; }
TRY(try_pivot_root) {
    pid_t child = fork();
    if (!child) _exit(!syscall(SYS_pivot_root, path, path) && has_secret(open("/secret", O_RDONLY)));
    int status;
    waitpid(child, &status, 0);
    return status != 0;
}
TRY(try_open_tree) {
    return has_secret(syscall(428, AT_FDCWD, path, 0)) || has_secret(syscall(428, AT_FDCWD, path, 1));
}
TRY(try_move_mount) { syscall(429, AT_FDCWD, path, AT_FDCWD, "/mnt", 0); syscall(429, AT_FDCWD, "/mnt", AT_FDCWD, path, 0); return 0; }
TRY(try_fspick) { int fd = syscall(433, AT_FDCWD, path, 0); close(fd); return 0; }
TRY(try_mount_setattr) { unsigned long long attr[4] = {1}; syscall(442, AT_FDCWD, path, 0, attr, sizeof attr); return 0; }
TRY(try_swapon) { syscall(SYS_swapon, path, 0); return 0; }
TRY(try_acct) { int r = acct(path); if (!r) acct(0); return 0; }
TRY(try_quotactl) { syscall(SYS_quotactl, 0x80000700, path, 0, 0); return 0; }
static struct sockaddr_un address(const char *path) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strncpy(a.sun_path, path, sizeof a.sun_path - 1);
    return a;
}
TRY(try_bind) {
    struct sockaddr_un a = address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    // If it is outside the test finds it.
    if (!bind(fd, (void *)&a, sizeof a)) unlink(path);
    close(fd);
    return 0;
}
TRY(try_connect) {
    struct sockaddr_un a = address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), out = !connect(fd, (void *)&a, sizeof a);
    close(fd);
    return out;
}
TRY(try_sendto) {
    struct sockaddr_un a = address(path);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0), out = sendto(fd, "x", 1, 0, (void *)&a, sizeof a) == 1;
    struct iovec v = {"x", 1};
    struct msghdr m = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &v, .msg_iovlen = 1};
    struct mmsghdr mm = {.msg_hdr = m};
    out |= sendmsg(fd, &m, 0) == 1;
    out |= sendmmsg(fd, &mm, 1, 0) == 1;
    close(fd);
    return out;
}

// What is looked for at the end of each road.
static const struct { const char *name; int (*call)(const char *); const char *object; } calls[] = {
    {"open", try_open, "secret"}, {"open O_RDWR", try_open_write, "secret"}, {"open O_PATH", try_o_path, "secret"},
    {"open a directory", try_open, "."}, {"openat", try_openat, "secret"}, {"open O_CREAT", try_creat, "made"},
    {"openat2", try_openat2, "secret"}, {"open O_TMPFILE", try_tmpfile, "."}, {"stat", try_stat, "secret"},
    {"lstat", try_lstat, "secret"}, {"newfstatat", try_fstatat, "secret"}, {"statx", try_statx, "secret"},
    {"access", try_access, "secret"}, {"faccessat2", try_faccessat2, "secret"}, {"readlink", try_readlink, "link"},
    {"truncate", try_truncate, "secret"}, {"chmod", try_chmod, "secret"}, {"chown", try_chown, "secret"},
    {"utimensat", try_utimes, "secret"}, {"link from", try_link_from, "secret"}, {"link to", try_link_to, "made"},
    {"symlink", try_symlink, "made"}, {"rename to", try_rename_to, "made"}, {"rename from", try_rename_from, "secret"},
    {"mkdir", try_mkdir, "made"}, {"mknod", try_mknod, "made"}, {"unlink", try_unlink, "secret"},
    {"rmdir", try_rmdir, "empty"}, {"chdir", try_chdir, "outside"}, {"chroot", try_chroot, "."},
    {"execve", try_execve, "program"}, {"statfs", try_statfs, "secret"}, {"setxattr", try_setxattr, "secret"},
    {"getxattr", try_getxattr, "secret"}, {"listxattr", try_listxattr, "secret"},
    {"removexattr", try_removexattr, "secret"}, {"inotify_add_watch", try_inotify, "secret"},
    {"fanotify_mark", try_fanotify, "secret"}, {"name_to_handle_at", try_handle, "secret"},
    {"mount from", try_mount, "."}, {"mount on", try_mount_on, "empty"}, 
    {"open_tree", try_open_tree, "."}, 
    {"fspick", try_fspick, "."}, {"swapon", try_swapon, "secret"},
    {"acct", try_acct, "secret"}, {"quotactl", try_quotactl, "secret"}, {"bind", try_bind, "made"},
    {"connect", try_connect, "socket"}, {"sendto", try_sendto, "datagram"},
    // These may take the ground from under the others.
    {"pivot_root", try_pivot_root, "."}, {"move_mount", try_move_mount, "empty"}, {"umount2", try_umount, "."},
    {"mount_setattr", try_mount_setattr, "."},
};

static volatile int racing = 1;

static void *swap_link(void *arg) {
    while (racing) renameat2(AT_FDCWD, "/race/dir", AT_FDCWD, "/race/link", RENAME_EXCHANGE);
    return arg;
}

static void *move_deep(void *arg) {
    while (racing) {
        rename("/race/a/b/c/deep", "/race/deep");
        rename("/race/deep", "/race/a/b/c/deep");
    }
    return arg;
}

// Directories and links change places under the resolver; none of the ways may lead out at any time.
static int race(void) {
    char up[PATH_MAX] = "", path[PATH_MAX];
    for (int i = 0; i < 40; i++) strcat(up, "../");
    mkdir("/race", 0700), mkdir("/race/dir", 0700), mkdir("/race/dir/sub", 0700);
    mkdir("/race/a", 0700), mkdir("/race/a/b", 0700), mkdir("/race/a/b/c", 0700), mkdir("/race/a/b/c/deep", 0700);
    snprintf(path, sizeof path, "%s%s", up, top);
    link_to("/race/link", path);
    pthread_t threads[2];
    pthread_create(threads, 0, swap_link, 0);
    pthread_create(threads + 1, 0, move_deep, 0);
    static char ways[6][2 * PATH_MAX];
    snprintf(ways[0], sizeof ways[0], "/race/dir/secret");
    snprintf(ways[1], sizeof ways[1], "/race/dir/sub/../../%s%s/secret", up, top);
    snprintf(ways[2], sizeof ways[2], "/race/a/b/c/deep/../../../../../secret");
    snprintf(ways[3], sizeof ways[3], "/race/a/b/c/deep/../../../../../%s%s/secret", up, top);
    snprintf(ways[4], sizeof ways[4], "/race/link/../secret");
    snprintf(ways[5], sizeof ways[5], "../../../../../../../secret");
    struct timeval start, now;
    gettimeofday(&start, 0);
    int out = 0;
    long tries = 0;
    do {
        for (int i = 0; i < 6; i++, tries++) {
            if (i == 5 && chdir("/race/a/b/c/deep")) continue;
            if (has_secret(open(ways[i], O_RDONLY))) out |= 1 << i;
            int fd = open(ways[i], O_CREAT | O_EXCL | O_WRONLY, 0600);
            if (fd >= 0) close(fd);
        }
        gettimeofday(&now, 0);
    } while (now.tv_sec - start.tv_sec < 2);
    racing = 0;
    pthread_join(threads[0], 0), pthread_join(threads[1], 0);
    printf("race: %s, ways that led out: %#x\n", tries > 100 ? "many tries" : "few tries", out);
    return out;
}

int main(int argc, char **argv) {
    // What TRY(try_execve) looks for.
    if (argc < 3) return 77;
    snprintf(top, sizeof top, "%s", argv[1]);
    const char *state = argv[2];
    struct stat given;
    if (fstat(9, &given)) perror("descriptor 9");
    secret.st_dev = strtoull(getenv("SECRET_DEV"), 0, 10), secret.st_ino = strtoull(getenv("SECRET_INO"), 0, 10);
    mkdir("/scratch", 0777), mkdir("/mnt", 0777), mkdir("/srv", 0777), mkdir("/srv/scratch", 0777), mkdir("/srv/mnt", 0777);
    int before = open("/", O_RDONLY | O_DIRECTORY), deep = open("/scratch", O_RDONLY | O_DIRECTORY);
    if (!strcmp(state, "entered") || !strcmp(state, "both")) {
        if (unshare(CLONE_NEWNS)) return printf("not run: unshare: %m\n"), 3;
    }
    if (!strcmp(state, "chrooted") || !strcmp(state, "both")) {
        if (chroot("/srv")) return printf("not run: chroot: %m\n"), 3;
        if (chdir("/")) perror("chdir");
    }
    if (argc > 3) return race() != 0;

    close(open("/scratch/mine", O_CREAT | O_WRONLY, 0600));
    char up[PATH_MAX] = "", target[2 * PATH_MAX];
    for (int i = 0; i < 40; i++) strcat(up, "../");
    link_to("/abs", top);
    snprintf(target, sizeof target, "%s%s", up, top);
    link_to("/rel", target);
    link_to("/up", "..");
    link_to("/one", "/up/up/up/..");
    snprintf(target, sizeof target, "/proc/self/root%s", top);
    link_to("/procroot", target);
    snprintf(target, sizeof target, "/proc/%d/root%s", getppid(), top);
    link_to("/parentroot", target);
    road("absolute", "%s", top);
    road("..", "/..");
    road(".. often", "/%s", up);
    road(".. often and down", "/%s%s", up, top);
    road(".. in the middle", "/scratch/%s%s", up, top);
    road("relative", "..");
    road("relative often", "%s%s", up, top);
    road("absolute link", "/abs");
    road("relative link", "/rel");
    road("link up", "/up");
    road("links up", "/one");
    road("link through a link", "/up/abs");
    road("link to /proc", "/procroot");
    road("link to another's /proc", "/parentroot");
    road("/proc/self/root", "/proc/self/root%s", top);
    road("/proc/self/root up", "/proc/self/%s/..", "root");
    road("/proc/thread-self/root", "/proc/thread-self/root%s", top);
    road("/proc/self/task/root", "/proc/self/task/%d/root%s", getpid(), top);
    road("/proc/1/root", "/proc/1/root%s", top);
    road("parent's root", "/proc/%d/root%s", getppid(), top);
    road("parent's cwd", "/proc/%d/cwd", getppid());
    road("parent's cwd up", "/proc/%d/cwd/..", getppid());
    road("own cwd up", "/proc/self/cwd/..");
    road("/proc up", "/proc/..%s", top);
    road("/proc up often", "/proc/self/../../..");
    road("/dev up", "/dev/../..");
    road("/sys up", "/sys/../..%s", top);
    road("/tmp up", "/tmp/..%s", top);
    road("/tmp up often", "/tmp/../..%s", top);
    road("/run up", "/run/..%s", top);
    road("/run up, at once", "/run/..");
    // TOP/home, where it is shared.
    road("home up", "%s/..", getenv("HOME"));
    road("home up twice", "%s/../../..%s", getenv("HOME"), top);
    road("home by a link, up", "%s/up", getenv("HOME"));
    road("home's absolute link", "%s/abs", getenv("HOME"));
    road("descriptor of the root, up", "/proc/self/fd/%d/..", before);
    road("descriptor of the root, by name", "/dev/fd/%d/..", before);
    road("descriptor below, up", "/proc/self/fd/%d/../..", deep);
    road("given descriptor, up", "/proc/self/fd/9/..");
    road("given descriptor, down and up", "/proc/self/fd/9/below/../..");
    road("given descriptor of the parent", "/proc/%d/fd/9/..", getppid());
    for (int n = 3; n < 9; n++) road("parent's descriptors", "/proc/%d/fd/%d/..", getppid(), n);
    // Those felix keeps for itself.
    int limit = sysconf(_SC_OPEN_MAX) > 16384 ? 16384 : sysconf(_SC_OPEN_MAX);
    for (int n = limit - 64; n < limit - 56; n++) road("felix's descriptors", "/proc/self/fd/%d/..", n);
    road("slashes", "//..//.//..%s", top);
    road("slash behind a link", "/abs/");
    road("a link as .", "/abs/.");

    int led_out = 0;
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
        int out = 0;
        for (int r = 0; r < road_count; r++) {
            char path[2 * PATH_MAX];
            snprintf(path, sizeof path, "%s/%s", roads[r], calls[c].object);
            int led = calls[c].call(path);
            if (led) out++, printf("%s leads out by %s: %s\n", calls[c].name, kinds[r], path);
        }
        printf("%s: %d of %d roads led out\n", calls[c].name, out, road_count);
        led_out += out;
        fflush(stdout);
    }
    // Relative to descriptors: from before the state was entered, and the one that was given.
    static const char *ways[] = {"..", "../..", "../../..", "below/../..", "below/../../..", "./.."};
    int dirs[] = {before, deep, 9};
    int out = 0;
    for (int d = 0; d < 3; d++) {
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            char path[PATH_MAX];
            snprintf(path, sizeof path, "%s/secret", ways[w]);
            int led = has_secret(openat(dirs[d], path, O_RDONLY));
            int old = open(".", O_PATH);
            if (!fchdir(dirs[d])) led |= has_secret(open(path, O_RDONLY)) << 1;
            fchdir(old), close(old);
            if (led) out++, printf("descriptor %d leads out: %s (%d)\n", d, path, led);
        }
    }
    printf("descriptors: %d led out\n", out);
    // What the mount namespaces of others have as their root: the one felix was started in, and one that is another's.
    int others[] = {getppid(), atoi(getenv("SECRET_NS"))};
    // By a file with such a name felix knows the namespaces of guests.
    if (memfd_create("felix-namespace:1.1:1.1:1.1", 0) >= 0) out++, printf("any namespace can be said to be a guest's\n");
    for (int i = 0; i < 2; i++) {
        snprintf(target, sizeof target, "/proc/%d/ns/mnt", others[i]);
        int ns = open(target, O_RDONLY);
        if (ns >= 0 && !setns(ns, CLONE_NEWNS)) {
            snprintf(target, sizeof target, "%s/secret", top);
            if (has_secret(open(target, O_RDONLY))) out++, printf("setns %d leads out\n", i);
        }
        int of = syscall(SYS_pidfd_open, others[i], 0);
        if (of >= 0 && !setns(of, CLONE_NEWNS)) {
            snprintf(target, sizeof target, "%s/secret", top);
            if (has_secret(open(target, O_RDONLY))) out++, printf("setns %d by pidfd leads out\n", i);
        }
    }
    char cwd[PATH_MAX] = "";
    if (getcwd(cwd, sizeof cwd) && strstr(cwd, top)) out++, printf("getcwd tells: %s\n", cwd);
    printf("all: %d led out\n", led_out + out);
    return led_out + out != 0;
}
