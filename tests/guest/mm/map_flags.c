// MAP_POPULATE, MAP_LOCKED, MAP_STACK, MAP_NORESERVE, MAP_SHARED_VALIDATE, MAP_32BIT: taken or refused, and what they do.
#include "check.h"

int main(void) {
    unsigned char v[4] = {0};
    char *p = MUST(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
    MUST(mincore(p, 4 * PAGE, v));
    say("populated %d %d %d %d\n", v[0] & 1, v[1] & 1, v[2] & 1, v[3] & 1);
    p = MUST(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    p[PAGE] = 1;
    MUST(mincore(p, 4 * PAGE, v));
    say("touched %d %d %d %d\n", v[0] & 1, v[1] & 1, v[2] & 1, v[3] & 1);
    WORKS(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE | MAP_NONBLOCK, -1, 0));
    long low = WORKS(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0));
    say("below 2 GiB %d\n", low > 0 && low < 1L << 31);
    // There, if it is free and below 2 GiB.
    const long hints[] = {0x50000000, 0x50000000, 0x50002123, 0x20000000, 0x1000, 0x7fffe000, 0x7ffff000, 0x90000000};
    for (unsigned k = 0; k < sizeof hints / sizeof *hints; k++) {
        low = (long)mmap((void *)hints[k], 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
        say("%lx: below 2 GiB %d, there %d\n", hints[k], low > 0 && low < 1L << 31, low == (hints[k] & -PAGE));
    }
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0600));
    MUST(ftruncate(fd, 2 * PAGE));
    WORKS(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE, fd, 0));
    VALUE(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0));
    VALUE(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 5));
    VALUE(mmap(NULL, PAGE, PROT_READ, 0, fd, 0));
    VALUE(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0));
    VALUE(mmap(NULL, -PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
    p = MUST(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    VALUE(mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
    MUST(munmap(p, PAGE));
    say("again %d\n", mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == p);
}
