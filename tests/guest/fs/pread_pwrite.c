// pread64, pwrite64, preadv2, pwritev2: positions, offset -1, RWF flags, what has no positions.
#include "check.h"

int main(void) {
    char b[64] = "";
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0600)), p[2];
    MUST(pipe(p));
    VALUE(pwrite(fd, "hello world", 11, 5));
    VALUE(lseek(fd, 0, SEEK_CUR));
    VALUE(pread(fd, b, 5, 5));
    say("%.5s\n", b);
    VALUE(pread(fd, b, 5, 100));
    VALUE(pread(fd, b, 5, -1));
    VALUE(pwrite(fd, b, 5, -1));
    VALUE(pread(p[0], b, 5, 0));
    VALUE(pwrite(p[1], b, 5, 0));
    VALUE(pread(fd, (void *)8, 5, 0));
    VALUE(pwrite(fd, (void *)8, 5, 0));
    VALUE(pread(1000, b, 5, 0));
    struct iovec v[3] = {{b, 3}, {b + 10, 4}, {b + 20, 0}};
    VALUE(preadv(fd, v, 3, 5));
    say("%.3s %.4s\n", b, b + 10);
    VALUE(preadv2(fd, v, 2, -1, 0));
    VALUE(lseek(fd, 0, SEEK_CUR));
    VALUE(pwritev(fd, v, 2, 20));
    VALUE(pwritev2(fd, v, 2, -1, RWF_APPEND));
    VALUE(lseek(fd, 0, SEEK_END));
    VALUE(pwritev2(fd, v, 2, 0, RWF_DSYNC | RWF_SYNC));
    VALUE(preadv2(fd, v, 2, 0, RWF_HIPRI) > 0);
    VALUE(preadv2(fd, v, 2, 0, 1 << 20));
    VALUE(preadv(fd, v, -1, 0));
    VALUE(preadv(fd, v, 1025, 0));
    VALUE(preadv(fd, v, 2, -5));
    VALUE(preadv(fd, (void *)8, 2, 0));
    v[1].iov_base = (void *)8;
    VALUE(preadv(fd, v, 2, 0));
    v[1].iov_len = -1;
    VALUE(preadv(fd, v, 2, 0));
    int a = MUST(open("f", O_RDWR | O_APPEND));
    VALUE(pwrite(a, "end", 3, 0));
    VALUE(lseek(a, 0, SEEK_END));
}
