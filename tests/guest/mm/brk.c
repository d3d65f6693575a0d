// brk(2): grows zeroed, shrinks, does not go below its start, is not grown into a mapping.
#include "check.h"

static char *brk_(void *p) { return (char *)syscall(SYS_brk, p); }
int main(void) {
    char *start = brk_(NULL);
    VALUE(brk_((char *)1) == start);
    VALUE(brk_(start + 3 * PAGE) == start + 3 * PAGE);
    start[0] = start[3 * PAGE - 1] = 7;
    VALUE(brk_(start + 100) == start + 100);
    VALUE(brk_(start + 3 * PAGE) == start + 3 * PAGE);
    say("kept %d, fresh %d\n", start[0], start[3 * PAGE - 1]);
    char *top = (char *)(((long)start + 5 * PAGE) & -PAGE);
    VALUE(mmap(top, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == top);
    VALUE(brk_(start + 10 * PAGE) == start + 3 * PAGE);
    VALUE(brk_((char *)-1) == start + 3 * PAGE);
    VALUE(brk_(start) == start);
    VALUE(munmap(top, PAGE));
}
