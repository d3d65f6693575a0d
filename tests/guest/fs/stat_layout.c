// stat, lstat, fstat, newfstatat and statx tell the same; device numbers, times and sizes in their places.
#include "check.h"
#include <sys/sysmacros.h>
int main(void) {
    put_file("f", "12345");
    struct timespec t[2] = {{1000000001, 123456789}, {2000000002, 987654321}};
    MUST(utimensat(AT_FDCWD, "f", t, 0));
    chmod("f", 04751);
    link("f", "g");
    symlink("f", "l");
    struct stat s;
    struct statx x;
    stat("f", &s);
    say("size %ld mode %o nlink %ld blksize %d atime %ld.%ld mtime %ld.%ld\n", (long)s.st_size, s.st_mode, (long)s.st_nlink, s.st_blksize > 0, s.st_atim.tv_sec, s.st_atim.tv_nsec, s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
    ino_t ino = s.st_ino;
    lstat("l", &s);
    say("link size %ld type %o\n", (long)s.st_size, s.st_mode & S_IFMT);
    VALUE(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &x));
    say("statx size %lld mode %o nlink %u mtime %lld.%u same inode %d\n", (long long)x.stx_size, x.stx_mode, x.stx_nlink, (long long)x.stx_mtime.tv_sec, x.stx_mtime.tv_nsec, x.stx_ino == ino);
    say("same device %d\n", makedev(x.stx_dev_major, x.stx_dev_minor) == s.st_dev);
    VALUE(statx(AT_FDCWD, "f", 0, 0x80000000, &x));
    VALUE(statx(AT_FDCWD, "f", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_ALL, &x));
    VALUE(statx(AT_FDCWD, "f", 0, STATX_ALL, (void *)8));
    VALUE(statx(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &x));
    say("type %o\n", x.stx_mode & S_IFMT);
    VALUE(statx(open("f", O_RDONLY), "", AT_EMPTY_PATH, STATX_SIZE, &x));
    say("size %lld\n", (long long)x.stx_size);
    stat("/dev/null", &s);
    say("null %u:%u type %o\n", major(s.st_rdev), minor(s.st_rdev), s.st_mode & S_IFMT);
    int p[2];
    pipe(p);
    fstat(p[0], &s);
    say("pipe %o size %ld\n", s.st_mode & S_IFMT, (long)s.st_size);
    fstat(socket(AF_UNIX, SOCK_STREAM, 0), &s);
    say("socket %o\n", s.st_mode & S_IFMT);
    fstat(epoll_create1(0), &s);
    say("epoll %o\n", s.st_mode & S_IFMT);
}
