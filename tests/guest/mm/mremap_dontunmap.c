// mremap(2): MREMAP_DONTUNMAP leaves empty pages, an old size of 0 doubles a shared mapping, MREMAP_FIXED over others, what is refused.
#include "check.h"
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

int main(void) {
    char *p = map_pages(4, PROT_READ | PROT_WRITE);
    strcpy(p, "first");
    strcpy(p + PAGE, "second");
    char *q = MUST(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL));
    say("moved %d '%s' '%s', left '%s' '%s'\n", q != p, q, q + PAGE, p, p + PAGE);
    strcpy(p, "new");
    say("'%s' '%s'\n", p, q);
    VALUE(mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL));
    VALUE(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_DONTUNMAP, NULL));
    char *s = MUST(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    strcpy(s, "shared");
    char *t = MUST(mremap(s, 0, PAGE, MREMAP_MAYMOVE, NULL));
    strcpy(t, "twice");
    say("'%s' other place %d\n", s, s != t);
    VALUE(mremap(p, 0, PAGE, MREMAP_MAYMOVE, NULL));
    char *room = map_pages(3, PROT_READ);
    char *f = MUST(mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room + PAGE));
    say("fixed %d '%s'\n", f == room + PAGE, f);
    strcpy(f, "writable");
    VALUE(mremap(f, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, f));
    VALUE(mremap(f, PAGE, PAGE, MREMAP_FIXED, room));
    VALUE(mremap(f + 1, PAGE, PAGE, MREMAP_MAYMOVE, NULL));
    VALUE(mremap(f, PAGE, 0, MREMAP_MAYMOVE, NULL));
    VALUE(mremap(f, PAGE, PAGE, 16, NULL));
    munmap(room, PAGE);
    VALUE(mremap(room, PAGE, PAGE, MREMAP_MAYMOVE, NULL));
}
