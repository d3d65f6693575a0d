// chown, fchown, lchown, fchownat, chmod, fchmod, fchmodat: owners and modes, links, set-user-id bits that a change clears.
#include "check.h"

static void show(const char *f) {
    struct stat s;
    if (lstat(f, &s)) say("%s: %s\n", f, error_name(errno));
    else say("%s: %o own %d %d\n", f, s.st_mode, s.st_uid == getuid() ? -1 : (int)s.st_uid, s.st_gid == getgid() ? -1 : (int)s.st_gid);
}

int main(void) {
    umask(0);
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0755));
    MUST(symlink("f", "l"));
    MUST(symlink("nowhere", "d"));
    VALUE(fchmod(fd, 06755));
    show("f");
    VALUE(chown("f", 12, 34));
    show("f");
    VALUE(chown("l", -1, 35));
    VALUE(lchown("l", 13, -1));
    VALUE(fchown(fd, -1, -1));
    show("f"), show("l");
    VALUE(fchownat(AT_FDCWD, "l", 14, 15, AT_SYMLINK_NOFOLLOW));
    VALUE(fchownat(fd, "", 16, 17, AT_EMPTY_PATH));
    VALUE(fchownat(AT_FDCWD, "f", 16, 17, 0x40));
    show("f"), show("l");
    VALUE(chown("d", 1, 1));
    VALUE(lchown("d", 1, 1));
    VALUE(chown("", 1, 1));
    VALUE(chown((void *)8, 1, 1));
    VALUE(chmod("l", 0640));
    VALUE(chmod("d", 0640));
    VALUE(chmod("f", 0100644 | 07000));
    show("f");
    MUST(write(fd, "x", 1));
    show("f");
    VALUE(chmod("f/x", 0600));
    VALUE(fchmod(1000, 0600));
    VALUE(syscall(SYS_fchmodat, AT_FDCWD, "f", 0600));
    int path = MUST(open("f", O_PATH));
    VALUE(fchmod(path, 0600));
    VALUE(fchown(path, 1, 1));
}
