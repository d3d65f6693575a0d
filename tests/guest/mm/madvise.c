// madvise(2): DONTNEED on private and shared memory, errors, and advice that is taken.
#include "check.h"

int main(void) {
    char *a = map_pages(4, PROT_READ | PROT_WRITE);
    memset(a, 5, 4 * PAGE);
    VALUE(madvise(a + PAGE, PAGE, MADV_DONTNEED));
    say("%d %d %d\n", a[0], a[PAGE], a[2 * PAGE]);
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    write(fd, "abc", 3);
    char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), *s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    p[0] = 'x';
    VALUE(madvise(p, PAGE, MADV_DONTNEED));
    s[1] = 'y';
    VALUE(madvise(s, PAGE, MADV_DONTNEED));
    say("%c%c %c%c\n", p[0], p[1], s[0], s[1]);
    int all[] = {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_FREE, MADV_DONTDUMP, MADV_DODUMP, MADV_HUGEPAGE, MADV_NOHUGEPAGE,
        MADV_MERGEABLE, MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ, MADV_POPULATE_WRITE, 99, -1};
    for (unsigned n = 0; n < sizeof all / sizeof *all; n++) { int r = madvise(a, PAGE, all[n]); say("advice %d: %s\n", all[n], r ? error_name(errno) : "taken"); }
    VALUE(madvise(a + 1, PAGE, MADV_DONTNEED));
    VALUE(madvise(a, 0, MADV_DONTNEED));
    munmap(a + 2 * PAGE, PAGE);
    memset(a, 6, PAGE);
    a[3 * PAGE] = 6;
    VALUE(madvise(a, 4 * PAGE, MADV_DONTNEED));
    say("around the hole: %d %d\n", a[0], a[3 * PAGE]);
    VALUE(madvise(a + 2 * PAGE, PAGE, MADV_DONTNEED));
    VALUE(madvise(a, -PAGE, MADV_DONTNEED));
    VALUE(madvise(s, PAGE, MADV_FREE));
    VALUE(madvise(s, PAGE, MADV_REMOVE));
}
// qemu-user: knows few kinds of advice
