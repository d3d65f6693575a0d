// Pipes: F_GETPIPE_SZ and F_SETPIPE_SZ, packets with O_DIRECT, FIONREAD, atomic writes without blocking, tee and vmsplice.
#include "check.h"

int main(void) {
    int p[2], q[2], n;
    char b[8192] = {0};
    MUST(pipe2(p, O_NONBLOCK));
    VALUE(fcntl(p[0], F_GETPIPE_SZ));
    VALUE(fcntl(p[1], F_SETPIPE_SZ, 5000));
    VALUE(fcntl(p[1], F_SETPIPE_SZ, 0));
    VALUE(fcntl(p[1], F_GETPIPE_SZ));
    VALUE(fcntl(p[1], F_SETPIPE_SZ, -1));
    VALUE(write(p[1], b, 3000));
    MUST(ioctl(p[0], FIONREAD, &n));
    VALUE(n);
    VALUE(fcntl(p[1], F_SETPIPE_SZ, 4096));
    VALUE(write(p[1], b, 4096));
    VALUE(write(p[1], b, 1096));
    VALUE(read(p[0], b, 3000));
    VALUE(read(p[0], b, 8192));
    VALUE(read(p[0], b, 1));
    MUST(pipe2(q, O_DIRECT | O_NONBLOCK));
    VALUE(write(q[1], "one", 3));
    VALUE(write(q[1], "three", 5));
    VALUE(write(q[1], "", 0));
    VALUE(read(q[0], b, 100));
    VALUE(read(q[0], b, 2));
    VALUE(read(q[0], b, 100));
    VALUE(pipe2(q, O_APPEND));
    VALUE(pipe2((void *)8, 0));
    MUST(pipe(q));
    MUST(write(p[1], "tea", 3));
    VALUE(tee(p[0], q[1], 100, 0));
    VALUE(tee(p[0], p[1], 100, 0));
    VALUE(tee(1, p[1], 100, 0) < 0);
    VALUE(read(p[0], b, 100));
    VALUE(read(q[0], b, 100));
    struct iovec v[2] = {{"ab", 2}, {"cde", 3}};
    VALUE(vmsplice(q[1], v, 2, 0));
    v[0] = (struct iovec){b, 100};
    VALUE(vmsplice(q[0], v, 1, 0));
    say("%.5s\n", b);
    VALUE(vmsplice(q[1], v, 1, 64));
    VALUE(vmsplice(q[1], (void *)8, 1, 0));
    int file = MUST(open("f", O_CREAT | O_RDWR, 0600));
    VALUE(vmsplice(file, v, 1, 0));
    close(q[1]);
    VALUE(read(q[0], b, 1));
}
