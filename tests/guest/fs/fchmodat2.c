// fchmodat2(2): AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, flags it does not know; faccessat and faccessat2 with theirs.
#include "check.h"

static long change(int d, const char *p, int mode, int flags) { return syscall(452, d, p, mode, flags); }

int main(void) {
    put_file("f", "x");
    MUST(symlink("f", "l"));
    MUST(symlink("nowhere", "d"));
    int fd = MUST(open("f", O_PATH)), l = MUST(open("l", O_PATH | O_NOFOLLOW));
    struct stat s;
    VALUE(change(AT_FDCWD, "l", 0641, 0));
    stat("f", &s);
    say("%o\n", s.st_mode);
    VALUE(change(AT_FDCWD, "l", 0600, AT_SYMLINK_NOFOLLOW));
    VALUE(change(AT_FDCWD, "f", 0642, AT_SYMLINK_NOFOLLOW));
    VALUE(change(fd, "", 0604, AT_EMPTY_PATH));
    stat("f", &s);
    say("%o\n", s.st_mode);
    VALUE(change(fd, "", 0604, 0));
    VALUE(change(l, "", 0604, AT_EMPTY_PATH));
    VALUE(change(AT_FDCWD, "d", 0600, 0));
    VALUE(change(AT_FDCWD, "f", 0600, 0x10));
    VALUE(faccessat(AT_FDCWD, "d", F_OK, 0));
    VALUE(faccessat(AT_FDCWD, "d", F_OK, AT_SYMLINK_NOFOLLOW));
    VALUE(faccessat(AT_FDCWD, "f", X_OK, 0));
    VALUE(faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS));
    VALUE(syscall(SYS_faccessat, AT_FDCWD, "f", R_OK));
    VALUE(syscall(SYS_faccessat, AT_FDCWD, "f", 8));
    VALUE(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, 0x40));
    VALUE(syscall(SYS_faccessat2, fd, "", R_OK, AT_EMPTY_PATH));
    VALUE(syscall(SYS_faccessat2, 1000, "f", R_OK, 0));
    VALUE(syscall(SYS_faccessat2, fd, "x", R_OK, 0));
}
