// What a read-only bind refuses; run by tests/binds.rs, natively on a real one and under felix.
//
//     binds rooted|entered
//     binds identity|other PATH...
//
// /ro is shown read-only, with `file`, `dir/inner`, `link` to file and a pipe `fifo` in it; /w and the root itself may be
// written to. In the state `entered` the program first gets a mount namespace of its own.
// One line for each call: what it is, and the error. With `identity`, after executing itself once more: what each path leads
// to, and how often it is in mountinfo; with `other` as another user.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#define SAY(call) (errno = 0, said(#call, (long)(call)))

static long said(const char *call, long result) {
    printf("%-70s %s\n", call, result < 0 ? strerrorname_np(errno) : "-");
    return result;
}

// What opening gives; the descriptor is closed.
static long opens(const char *path, int flags) {
    long fd = open(path, flags, 0644);
    if (fd >= 0) close(fd);
    return fd;
}
static long opens_at(int dir, const char *path, int flags) {
    long fd = openat(dir, path, flags, 0644);
    if (fd >= 0) close(fd);
    return fd;
}
static long opens_by(const char *path, int flags, int rules) {
    unsigned long long how[3] = {flags, flags & O_CREAT ? 0644 : 0, rules};
    long fd = syscall(437, AT_FDCWD, path, how, sizeof how);
    if (fd >= 0) close(fd);
    return fd;
}
static long binds(const char *path) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    long r = bind(fd, (void *)&a, sizeof a);
    int e = errno;
    close(fd);
    errno = e;
    return r;
}
static long maps(int fd, int protection) {
    void *p = mmap(0, 4096, protection, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) return -1;
    munmap(p, 4096);
    return 0;
}

static void mountpoint(const char *point) {
    char line[1024], at[512], rights[512];
    FILE *f = fopen("/proc/self/mountinfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%*s %*s %*s %*s %511s %511s", at, rights) == 2 && !strcmp(at, point)) printf("mountinfo %s %.2s\n", at, rights);
    if (f) fclose(f);
    struct statvfs st;
    if (!statvfs(point, &st)) printf("statvfs %s %s\n", point, st.f_flag & ST_RDONLY ? "ro" : "rw");
    int fd = open(point, O_RDONLY);
    if (!fstatvfs(fd, &st)) printf("fstatvfs %s %s\n", point, st.f_flag & ST_RDONLY ? "ro" : "rw");
    close(fd);
}

static void identity(const char *path) {
    struct stat st = {0};
    char line[1024], at[512];
    int mounts = 0;
    FILE *f = fopen("/proc/self/mountinfo", "r");
    while (f && fgets(line, sizeof line, f)) mounts += sscanf(line, "%*s %*s %*s %*s %511s", at) == 1 && !strcmp(at, path);
    if (f) fclose(f);
    if (stat(path, &st)) printf("%s none\n", path);
    else printf("%s %llu:%llu %d\n", path, (unsigned long long)st.st_dev, (unsigned long long)st.st_ino, mounts);
}

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "other") && (setgid(65534) || setuid(65534))) return printf("not run: setuid: %m\n"), 3;
    if (argc > 1 && (!strcmp(argv[1], "identity") || !strcmp(argv[1], "other"))) {
        argv[1] = "again";
        // What is shared does not hang on what the guest says.
        setenv("HOME", "/proc", 1);
        return execv(argv[0], argv), 1;
    }
    if (argc > 1 && !strcmp(argv[1], "again")) {
        for (int i = 2; i < argc; i++) identity(argv[i]);
        return 0;
    }
    // It begins in the directory that felix is in, if that is shared.
    if (chdir("/")) return 1;
    if (argc > 1 && !strcmp(argv[1], "entered") && unshare(CLONE_NEWNS)) return printf("not run: unshare: %m\n"), 3;
    struct timespec ts[2] = {{1, 0}, {1, 0}};
    struct timeval tv[2] = {{1, 0}, {1, 0}};
    struct utimbuf ut = {1, 1};
    unlink("/tolink");
    symlink("/ro/file", "/tolink"), symlink("/ro/new", "/tonew");
    int dir = open("/ro/dir", O_RDONLY | O_DIRECTORY), file = open("/ro/file", O_RDONLY), path = open("/ro/file", O_PATH);
    char own[64], name[64];
    snprintf(own, sizeof own, "/proc/self/fd/%d", file);
    snprintf(name, sizeof name, "/dev/fd/%d", file);

    SAY(opens("/ro/file", O_RDONLY));
    SAY(opens("/ro/file", O_WRONLY));
    SAY(opens("/ro/file", O_RDWR));
    SAY(opens("/ro/file", O_WRONLY | O_APPEND));
    SAY(opens("/ro/file", O_RDONLY | O_TRUNC));
    SAY(opens("/ro/file", O_RDONLY | O_CREAT));
    SAY(opens("/ro/file", O_RDWR | O_CREAT));
    SAY(opens("/ro/file", O_RDWR | O_CREAT | O_EXCL));
    SAY(opens("/ro/file", O_PATH | O_RDWR));
    SAY(opens("/ro/new", O_RDONLY));
    SAY(opens("/ro/new", O_WRONLY));
    SAY(opens("/ro/new", O_RDONLY | O_CREAT));
    SAY(opens("/ro/new", O_WRONLY | O_CREAT | O_EXCL));
    SAY(opens("/ro/none/new", O_WRONLY | O_CREAT));
    SAY(opens("/ro/dir", O_WRONLY));
    SAY(opens("/ro/dir", O_RDONLY | O_CREAT));
    SAY(opens("/ro/dir", O_TMPFILE | O_RDWR));
    SAY(opens("/ro", O_TMPFILE | O_RDWR));
    SAY(opens("/ro", O_RDONLY | O_DIRECTORY));
    SAY(opens("/ro/fifo", O_RDWR));
    SAY(opens("/ro/fifo", O_WRONLY | O_NONBLOCK));
    SAY(opens("/ro/fifo", O_RDWR | O_CREAT | O_TRUNC));
    SAY(opens("/ro/link", O_RDWR));
    SAY(opens("/ro/link", O_RDWR | O_NOFOLLOW));
    SAY(opens("/ro/null", O_RDWR));
    SAY(opens("/tolink", O_RDWR));
    SAY(opens("/tonew", O_RDWR | O_CREAT));
    SAY(opens("/w/../ro/file", O_RDWR));
    SAY(opens("/ro/../w/file", O_RDWR));
    SAY(opens(own, O_RDONLY));
    SAY(opens(own, O_RDWR));
    SAY(opens(name, O_RDWR));
    SAY(opens_at(dir, "inner", O_RDONLY));
    SAY(opens_at(dir, "inner", O_RDWR));
    SAY(opens_at(dir, "../file", O_RDWR));
    SAY(opens_at(dir, "new", O_RDWR | O_CREAT));
    SAY(opens_at(dir, "../../w/file", O_RDWR));
    SAY(opens_by("/ro/file", O_RDWR, 0));
    SAY(opens_by("/ro/file", O_RDWR, 4));
    SAY(opens_by("ro/new", O_RDWR | O_CREAT, 8));
    SAY(syscall(SYS_creat, "/ro/file", 0644));
    SAY(syscall(SYS_creat, "/ro/new", 0644));

    SAY(mkdir("/ro/new", 0755));
    SAY(mkdir("/ro/dir", 0755));
    SAY(mkdir("/ro", 0755));
    SAY(mkdir("/ro/none/new", 0755));
    SAY(mkdirat(dir, "new", 0755));
    SAY(mknod("/ro/new", S_IFIFO | 0644, 0));
    SAY(mknod("/ro/file", S_IFREG | 0644, 0));
    SAY(mknodat(dir, "new", S_IFREG | 0644, 0));
    SAY(symlink("x", "/ro/new"));
    SAY(symlink("x", "/ro/link"));
    SAY(symlinkat("x", dir, "new"));
    SAY(link("/ro/file", "/ro/new"));
    SAY(link("/ro/file", "/ro/link"));
    SAY(link("/ro/file", "/w/new"));
    SAY(link("/w/file", "/ro/new"));
    SAY(link("/ro/none", "/ro/new"));
    SAY(linkat(AT_FDCWD, own, AT_FDCWD, "/w/new", AT_SYMLINK_FOLLOW));
    SAY(linkat(file, "", AT_FDCWD, "/w/new", AT_EMPTY_PATH));
    SAY(rename("/ro/file", "/ro/new"));
    SAY(rename("/ro/none", "/ro/new"));
    SAY(rename("/ro/file", "/w/new"));
    SAY(rename("/w/file", "/ro/new"));
    SAY(rename("/w/file", "/moved"));
    SAY(renameat(dir, "inner", dir, "new"));
    SAY(renameat2(AT_FDCWD, "/ro/file", AT_FDCWD, "/ro/dir", RENAME_EXCHANGE));
    SAY(unlink("/ro/file"));
    SAY(unlink("/ro/none"));
    SAY(unlink("/ro/link"));
    SAY(unlinkat(dir, "inner", 0));
    SAY(rmdir("/ro/dir"));
    SAY(rmdir("/ro/none"));
    SAY(rmdir("/ro"));
    SAY(rmdir("/w"));
    SAY(rmdir("/w/"));
    SAY(rmdir("/w/."));
    SAY(rmdir("/w/.."));
    SAY(rmdir("/"));
    SAY(unlink("/w"));
    SAY(unlinkat(AT_FDCWD, "/w", AT_REMOVEDIR));
    SAY(unlinkat(AT_FDCWD, "/w", AT_REMOVEDIR | 1));
    SAY(rename("/w", "/x"));
    SAY(unlinkat(AT_FDCWD, "/ro/dir", AT_REMOVEDIR));

    SAY(chmod("/ro/file", 0600));
    SAY(chmod("/ro/none", 0600));
    SAY(fchmod(file, 0600));
    SAY(fchmod(path, 0600));
    SAY(fchmodat(dir, "inner", 0600, 0));
    SAY(chmod(own, 0600));
    SAY(chown("/ro/file", 0, 0));
    SAY(lchown("/ro/link", 0, 0));
    SAY(fchown(file, 0, 0));
    SAY(fchownat(path, "", 0, 0, AT_EMPTY_PATH));
    SAY(fchownat(dir, "inner", 0, 0, 0));
    SAY(utime("/ro/file", &ut));
    SAY(utimes("/ro/file", tv));
    SAY(utimensat(AT_FDCWD, "/ro/file", ts, 0));
    SAY(utimensat(AT_FDCWD, "/ro/link", ts, AT_SYMLINK_NOFOLLOW));
    SAY(utimensat(AT_FDCWD, "/ro/none", ts, 0));
    SAY(futimens(file, ts));
    SAY(syscall(SYS_futimesat, dir, "inner", tv));
    SAY(setxattr("/ro/file", "user.felix", "x", 1, 0));
    SAY(lsetxattr("/ro/link", "user.felix", "x", 1, 0));
    SAY(fsetxattr(file, "user.felix", "x", 1, 0));
    SAY(removexattr("/ro/file", "user.felix"));
    SAY(lremovexattr("/ro/link", "user.felix"));
    SAY(fremovexattr(file, "user.felix"));
    SAY(truncate("/ro/file", 1));
    SAY(truncate("/ro/none", 1));
    SAY(truncate("/ro/dir", 1));
    SAY(truncate("/ro/fifo", 1));
    SAY(ftruncate(file, 1));
    int flags = 0;
    if (!ioctl(file, FS_IOC_GETFLAGS, &flags)) SAY(ioctl(file, FS_IOC_SETFLAGS, &flags));
    else printf("%-70s EROFS\n", "ioctl(file, FS_IOC_SETFLAGS, &flags)");
    SAY(maps(file, PROT_READ));
    SAY(maps(file, PROT_READ | PROT_WRITE));

    SAY(access("/ro/file", R_OK));
    SAY(access("/ro/file", W_OK));
    SAY(access("/ro/dir", R_OK | W_OK));
    SAY(access("/ro/fifo", W_OK));
    SAY(access("/ro/null", W_OK));
    SAY(access("/ro/none", W_OK));
    SAY(access("/w", W_OK));
    SAY(faccessat(dir, "inner", W_OK, 0));
    SAY(faccessat(dir, "inner", W_OK, AT_EACCESS));
    SAY(euidaccess("/ro/file", W_OK));
    SAY(binds("/ro/new"));
    SAY(binds("/ro/file"));
    SAY(binds("/w/socket"));

    SAY(chdir("/ro/dir"));
    SAY(opens("inner", O_RDWR));
    SAY(opens("new", O_RDWR | O_CREAT));
    SAY(opens("../../ro/dir/inner", O_RDWR));
    SAY(mkdir("new", 0755));
    SAY(unlink("inner"));
    SAY(rename("inner", "new"));
    SAY(rename("inner", "../new"));
    SAY(rename("inner", "../../w/new"));
    SAY(chdir("/w"));
    SAY(opens("new", O_RDWR | O_CREAT));
    SAY(rename("new", "newer"));
    SAY(link("newer", "/w/another"));
    SAY(link("newer", "/another"));
    SAY(chmod("newer", 0600));
    SAY(unlink("newer"));
    SAY(mkdir("sub", 0700));
    SAY(rmdir("sub"));
    mountpoint("/ro"), mountpoint("/w");
    return 0;
}
