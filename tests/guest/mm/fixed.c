// MAP_FIXED replaces, MAP_FIXED_NOREPLACE does not, a hint is taken when it is free, MAP_32BIT is below 2 GiB.
#include "check.h"

int main(void) {
    char *a = map_pages(8, PROT_READ | PROT_WRITE);
    memset(a, 7, 8 * PAGE);
    VALUE(mmap(a + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == a + 2 * PAGE);
    say("%d %d %d %d\n", a[2 * PAGE - 1], a[2 * PAGE], a[4 * PAGE - 1], a[4 * PAGE]);
    VALUE((long)mmap(a + 3 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
    VALUE(munmap(a + 5 * PAGE, PAGE));
    VALUE(mmap(a + 5 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == a + 5 * PAGE);
    VALUE(munmap(a + 5 * PAGE, PAGE));
    VALUE(mmap(a + 5 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == a + 5 * PAGE);
    VALUE(mmap(a + 1 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == a + PAGE);
    VALUE((unsigned long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0) < 1UL << 31);
    VALUE((long)mmap(a + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
    VALUE(munmap(a + 1, PAGE));
    VALUE(munmap(a, 0));
    VALUE(munmap(a, 8 * PAGE));
    VALUE(munmap(a, 8 * PAGE));
    VALUE(munmap((void *)(1UL << 47), PAGE));
    VALUE(munmap(a, -PAGE));
}
