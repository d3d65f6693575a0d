// splice, tee, vmsplice, sendfile, copy_file_range: amounts, offsets, errors.
#include "check.h"
#include <sys/sendfile.h>
int main(void) {
    put_file("in", "0123456789abcdefghij");
    int in = open("in", O_RDONLY), out = open("out", O_RDWR | O_CREAT | O_TRUNC, 0644), p[2], q[2];
    pipe2(p, O_NONBLOCK), pipe2(q, O_NONBLOCK);
    char b[100] = {};
    loff_t off = 5, to = 3;
    VALUE(splice(in, &off, p[1], NULL, 8, 0));
    VALUE(off);
    VALUE(lseek(in, 0, SEEK_CUR));
    VALUE(tee(p[0], q[1], 100, 0));
    VALUE(splice(p[0], NULL, out, &to, 100, 0));
    VALUE(to);
    VALUE(pread(out, b, 100, 0));
    say("%s\n", b + 3);
    struct iovec v[2] = {{"abc", 3}, {"defg", 4}};
    VALUE(vmsplice(q[1], v, 2, 0));
    memset(b, 0, sizeof b);
    VALUE(read(q[0], b, 100));
    say("%s\n", b);
    VALUE(splice(p[0], NULL, q[1], NULL, 10, 0));
    VALUE(splice(in, NULL, out, NULL, 10, 0));
    VALUE(splice(in, NULL, p[1], &to, 10, 0));
    VALUE(splice(in, (void *)8, p[1], NULL, 10, 0));
    VALUE(tee(in, p[1], 10, 0));
    off_t o = 2;
    VALUE(sendfile(out, in, &o, 4));
    VALUE(o);
    VALUE(sendfile(out, in, NULL, 100));
    VALUE(sendfile(in, out, NULL, 10));
    VALUE(sendfile(out, in, (void *)8, 10));
    off = 0, to = 50;
    VALUE(copy_file_range(in, &off, out, &to, 7, 0));
    say("%ld %ld\n", (long)off, (long)to);
    VALUE(copy_file_range(in, &off, out, &to, 7, 1));
    VALUE(copy_file_range(in, NULL, p[1], NULL, 7, 0));
    VALUE(lseek(out, 0, SEEK_END));
    off = 0;
    VALUE(copy_file_range(out, &off, out, &(loff_t){3}, 20, 0));
}
