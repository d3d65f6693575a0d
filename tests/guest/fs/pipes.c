// Pipes: PIPE_BUF, O_NONBLOCK, EOF, EPIPE, packet mode, FIFOs, sizes.
#include "check.h"
int main(void) {
    int p[2];
    static char b[70000];
    VALUE(pipe2(p, O_NONBLOCK | O_DIRECT));
    VALUE(write(p[1], b, 10));
    VALUE(write(p[1], b, 20));
    VALUE(read(p[0], b, 100));
    VALUE(read(p[0], b, 5));
    VALUE(read(p[0], b, 5));
    VALUE(pipe2(p, O_NONBLOCK));
    VALUE(write(p[1], b, 70000));
    VALUE(write(p[1], b, 1));
    VALUE(read(p[0], b, 70000));
    VALUE(read(p[0], b, 1));
    close(p[1]);
    VALUE(read(p[0], b, 1));
    VALUE(pipe2(p, 77));
    VALUE(mkfifo("f", 0600));
    VALUE(open("f", O_WRONLY | O_NONBLOCK));
    int r = open("f", O_RDONLY | O_NONBLOCK), w = open("f", O_WRONLY);
    VALUE(write(w, "abc", 3));
    VALUE(read(r, b, 10));
    close(w);
    VALUE(read(r, b, 10));
    VALUE(lseek(r, 0, SEEK_SET));
    VALUE(ftruncate(r, 0));
    VALUE(read(p[1], b, 1));
    VALUE(write(p[0], b, 1));
}
