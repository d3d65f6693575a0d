// msync, mincore, mlock: errors at holes and odd addresses, and what mincore says.
#include "check.h"

int main(void) {
    char *a = map_pages(4, PROT_READ | PROT_WRITE);
    unsigned char v[8] = {9, 9, 9, 9, 9, 9, 9, 9};
    a[0] = a[2 * PAGE] = 1;
    VALUE(mincore(a, 4 * PAGE, v));
    say("%d %d %d %d\n", v[0] & 1, v[1] & 1, v[2] & 1, v[4]);
    VALUE(mincore(a + 1, PAGE, v));
    VALUE(mincore(a, PAGE, (void *)8));
    VALUE(mincore(a, -PAGE, v));
    VALUE(msync(a, 4 * PAGE, MS_SYNC));
    VALUE(msync(a, 4 * PAGE, MS_SYNC | MS_ASYNC));
    VALUE(msync(a, 4 * PAGE, 64));
    VALUE(msync(a + 1, PAGE, MS_SYNC));
    VALUE(mlock(a, 4 * PAGE));
    VALUE(mincore(a, 4 * PAGE, v));
    say("%d %d %d %d\n", v[0] & 1, v[1] & 1, v[2] & 1, v[3] & 1);
    VALUE(munlock(a + 5, PAGE));
    munmap(a + PAGE, PAGE);
    VALUE(mincore(a, 4 * PAGE, v));
    VALUE(msync(a, 4 * PAGE, MS_ASYNC));
    VALUE(mlock(a, 4 * PAGE));
    VALUE(munlock(a, 4 * PAGE));
    VALUE(mlock(a, -PAGE));
    VALUE(syscall(SYS_mlock2, a, PAGE, 1));
    VALUE(syscall(SYS_mlock2, a, PAGE, 8));
    VALUE(mlockall(MCL_FUTURE | MCL_ONFAULT));
    VALUE(mlockall(0));
    VALUE(munlockall());
}
