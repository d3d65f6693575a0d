// O_TMPFILE: a file without a name, given one by linkat; O_EXCL forbids that.
#include "check.h"
int main(void) {
    int fd = WORKS(open(".", O_TMPFILE | O_RDWR, 0640));
    struct stat s;
    fstat(fd, &s);
    say("mode %o nlink %ld\n", s.st_mode, (long)s.st_nlink);
    write(fd, "hello", 5);
    char name[64], b[10] = {};
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    VALUE(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    VALUE(linkat(fd, "", AT_FDCWD, "named2", AT_EMPTY_PATH) == 0 || errno == ENOENT);
    VALUE(read(open("named", O_RDONLY), b, 10));
    say("%s\n", b);
    fd = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0640);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    VALUE(linkat(AT_FDCWD, name, AT_FDCWD, "other", AT_SYMLINK_FOLLOW));
}
