// Large reservations, NORESERVE, many small mappings, unmapping in the middle, and memory that is zero again.
#include "check.h"
int main(void) {
    char *big = mmap(NULL, 8UL << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    say("8 GiB %s\n", big == MAP_FAILED ? error_name(errno) : "works");
    VALUE(mprotect(big + (4UL << 30), 2 * PAGE, PROT_READ | PROT_WRITE));
    big[4UL << 30] = 1;
    VALUE(munmap(big, 4UL << 30));
    say("%d\n", big[4UL << 30]);
    VALUE(munmap(big + (4UL << 30), 4UL << 30));
    char *p[500];
    long bad = 0;
    for (int n = 0; n < 500; n++) { p[n] = map_pages(1 + n % 3, PROT_READ | PROT_WRITE); p[n][0] = n; }
    for (int n = 0; n < 500; n += 2) munmap(p[n], (1 + n % 3) * PAGE);
    for (int n = 1; n < 500; n += 2) bad += p[n][0] != (char)n;
    for (int n = 0; n < 500; n += 2) { p[n] = map_pages(2, PROT_READ | PROT_WRITE); bad += p[n][5] != 0 || p[n][PAGE] != 0; }
    say("bad %ld\n", bad);
}
