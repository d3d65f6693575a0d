// madvise(2): MADV_POPULATE_READ and _WRITE, MADV_COLD, MADV_PAGEOUT, MADV_DONTDUMP, MADV_NOHUGEPAGE, and what is refused.
#include "check.h"
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
// qemu-user: does not know MADV_POPULATE_READ

int main(void) {
    char *p = map_pages(4, PROT_READ | PROT_WRITE);
    unsigned char v[4];
    VALUE(madvise(p, 2 * PAGE, MADV_POPULATE_WRITE));
    VALUE(madvise(p + 2 * PAGE, PAGE, MADV_POPULATE_READ));
    MUST(mincore(p, 4 * PAGE, v));
    say("%d %d %d %d\n", v[0] & 1, v[1] & 1, v[2] & 1, v[3] & 1);
    MUST(mprotect(p + 3 * PAGE, PAGE, PROT_READ));
    VALUE(madvise(p, 4 * PAGE, MADV_POPULATE_WRITE));
    VALUE(madvise(p, 4 * PAGE, MADV_POPULATE_READ));
    char *q = mmap(NULL, 2 * PAGE, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    VALUE(madvise(q, PAGE, MADV_POPULATE_READ));
    VALUE(madvise(q, PAGE, MADV_POPULATE_WRITE));
    MUST(mprotect(q, 2 * PAGE, PROT_READ));
    VALUE(madvise(q, PAGE, MADV_POPULATE_WRITE));
    strcpy(p, "kept");
    VALUE(madvise(p, PAGE, MADV_COLD));
    VALUE(madvise(p, PAGE, MADV_PAGEOUT));
    say("%s\n", p);
    VALUE(madvise(p, PAGE, MADV_DONTDUMP));
    VALUE(madvise(p, PAGE, MADV_DODUMP));
    VALUE(madvise(p, PAGE, MADV_NORMAL));
    VALUE(madvise(p, PAGE, MADV_RANDOM));
    VALUE(madvise(p, PAGE, MADV_SEQUENTIAL));
    VALUE(madvise(p, PAGE, MADV_WILLNEED));
    VALUE(madvise(p + 1, PAGE, MADV_NORMAL));
    VALUE(madvise(p, PAGE, 77));
    VALUE(madvise(p, 0, MADV_DONTNEED));
    munmap(p + PAGE, PAGE);
    VALUE(madvise(p, 3 * PAGE, MADV_WILLNEED));
    VALUE(madvise(p, 3 * PAGE, MADV_POPULATE_READ));
    VALUE(madvise(p, 3 * PAGE, MADV_DONTNEED));
    say("'%s'\n", p);
}
