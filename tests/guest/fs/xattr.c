// Extended attributes by path, link and descriptor: sizes, flags, lists, errors.
#include "check.h"
#include <sys/xattr.h>
int main(void) {
    put_file("f", "");
    symlink("f", "l");
    char b[100];
    int fd = open("f", O_RDONLY);
    VALUE(setxattr("f", "user.one", "value", 5, 0));
    VALUE(setxattr("f", "user.one", "value", 5, XATTR_CREATE));
    VALUE(setxattr("f", "user.two", "v", 1, XATTR_REPLACE));
    VALUE(fsetxattr(fd, "user.two", "", 0, 0));
    VALUE(getxattr("l", "user.one", NULL, 0));
    VALUE(getxattr("l", "user.one", b, 2));
    VALUE(getxattr("l", "user.one", b, 100));
    VALUE(lgetxattr("l", "user.one", b, 100));
    VALUE(fgetxattr(fd, "user.two", b, 100));
    VALUE(listxattr("f", b, 100));
    VALUE(listxattr("f", b, 3));
    VALUE(llistxattr("l", b, 100));
    VALUE(flistxattr(fd, NULL, 0));
    VALUE(removexattr("f", "user.one"));
    VALUE(fremovexattr(fd, "user.one"));
    VALUE(lsetxattr("l", "user.x", "y", 1, 0));
    VALUE(setxattr("f", "nonsense", "y", 1, 0));
    VALUE(setxattr("f", "user.big", (void *)8, 10, 0));
    VALUE(setxattr("f", "user.", "y", 1, 0));
    VALUE(setxattr("missing", "user.x", "y", 1, 0));
    VALUE(setxattr("f", "user.x", "y", 1, 8));
}
