// Duplicates and forked descriptors share their offset and flags, two opens do not; append from two sides.
#include "check.h"
int main(void) {
    int a = open("f", O_RDWR | O_CREAT, 0600), b = dup(a), c = open("f", O_RDWR);
    write(a, "0123456789", 10);
    VALUE(lseek(b, 0, SEEK_CUR));
    VALUE(lseek(c, 0, SEEK_CUR));
    fcntl(b, F_SETFL, O_APPEND);
    VALUE((fcntl(a, F_GETFL) & O_APPEND) != 0);
    VALUE((fcntl(c, F_GETFL) & O_APPEND) != 0);
    fcntl(b, F_SETFD, FD_CLOEXEC);
    VALUE(fcntl(a, F_GETFD));
    reap("child", CHILD(lseek(c, 3, SEEK_SET); write(a, "X", 1)));
    VALUE(lseek(c, 0, SEEK_CUR));
    write(b, "Y", 1);
    char t[20] = {};
    VALUE(pread(c, t, 20, 0));
    say("%s\n", t);
    VALUE(dup2(c, a));
    VALUE(lseek(a, 0, SEEK_CUR));
    close(c);
    VALUE(read(a, t, 2));
    VALUE(dup(-1));
    VALUE(dup3(a, b, O_CLOEXEC) == b);
    VALUE(fcntl(b, F_GETFD));
}
