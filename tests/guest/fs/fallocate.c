// fallocate(2): sizes, keeping the size, holes, and what is refused; SEEK_DATA afterwards.
#include "check.h"
#ifndef FALLOC_FL_KEEP_SIZE
#define FALLOC_FL_KEEP_SIZE 1
#define FALLOC_FL_PUNCH_HOLE 2
#endif

static long size(int fd) { struct stat s; fstat(fd, &s); return s.st_size; }

int main(void) {
    int fd = MUST(memfd_create("m", 0)), p[2], r;
    MUST(pipe(p));
    VALUE(fallocate(fd, 0, 0, 3 * PAGE));
    VALUE(size(fd));
    VALUE(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 9 * PAGE));
    VALUE(size(fd));
    char *m = MUST(mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    memset(m, 7, 3 * PAGE);
    VALUE(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE));
    say("%d %d %d\n", m[0], m[PAGE], m[2 * PAGE]);
    VALUE(lseek(fd, 0, SEEK_HOLE));
    VALUE(lseek(fd, PAGE, SEEK_DATA));
    VALUE(fallocate(fd, FALLOC_FL_PUNCH_HOLE, PAGE, PAGE));
    VALUE(fallocate(fd, 0, 0, 0));
    VALUE(fallocate(fd, 0, -1, 5));
    VALUE(fallocate(fd, 0, LONG_MAX, 5));
    VALUE(fallocate(fd, 1 << 20, 0, 5));
    VALUE(fallocate(p[1], 0, 0, 5));
    VALUE(fallocate(1000, 0, 0, 5));
    r = MUST(open("/proc/self/exe", O_RDONLY));
    VALUE(fallocate(r, 0, 0, 5));
    VALUE(ftruncate(r, 5));
    VALUE(ftruncate(p[1], 5));
    VALUE(ftruncate(fd, -1));
    VALUE(ftruncate(fd, 10));
    VALUE(size(fd));
    VALUE(truncate("nowhere", 5));
    VALUE(truncate(".", 5));
}
