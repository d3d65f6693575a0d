// mremap(2): in place, moving, fixed, DONTUNMAP, and errors.
#include "check.h"

int main(void) {
    char *a = map_pages(10, PROT_READ | PROT_WRITE), *b, *c;
    for (int n = 0; n < 10; n++) a[n * PAGE] = n + 1;
    VALUE(mremap(a, 10 * PAGE, 6 * PAGE, 0) == a);
    VALUE((long)mremap(a, 6 * PAGE, 100 * PAGE, 0) == (long)a || errno == ENOMEM);
    VALUE(mremap(a, 6 * PAGE, 6 * PAGE, 0) == a);
    b = mremap(a, 6 * PAGE, 400 * PAGE, MREMAP_MAYMOVE);
    say("moved: %d %d %d %d\n", b[0], b[5 * PAGE], b[6 * PAGE], b[399 * PAGE]);
    c = map_pages(8, PROT_READ | PROT_WRITE);
    c[7 * PAGE] = 55;
    VALUE(mremap(b, 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, c) == c);
    say("fixed: %d %d %d %d\n", c[0], c[2 * PAGE], c[3 * PAGE], c[7 * PAGE]);
    VALUE((long)mremap(c, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, c) == -1);
    VALUE((long)mremap(c, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, c + PAGE));
    VALUE((long)mremap(c, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, c + 5 * PAGE + 1));
    VALUE((long)mremap(c, PAGE, PAGE, MREMAP_FIXED, c + 5 * PAGE));
    VALUE((long)mremap(c + 1, PAGE, PAGE, MREMAP_MAYMOVE));
    VALUE((long)mremap(c, PAGE, 0, MREMAP_MAYMOVE));
    VALUE((long)mremap(c, PAGE, PAGE, 64));
    VALUE((long)mremap(c, 0, PAGE, MREMAP_MAYMOVE));
    munmap(c + 6 * PAGE, PAGE);
    VALUE((long)mremap(c + 6 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE));
    VALUE((long)mremap(c + 4 * PAGE, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE));
    char *d = mremap(c, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | 4);
    say("DONTUNMAP: %s there %d left %d\n", d == MAP_FAILED ? error_name(errno) : "works", d[0], c[0]);
    char *s = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    s[5] = 99;
    char *t = mremap(s, 0, PAGE, MREMAP_MAYMOVE);
    t[6] = 98;
    say("second view: %d %d\n", t[5], s[6]);
}
