// mlock, mlock2, munlock, mlockall: limits, ranges with holes, MLOCK_ONFAULT, and VmLck.
#include "check.h"
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif

static long locked(const char *file, const char *name) {
    char l[256];
    long kb = -1;
    FILE *f = fopen(file, "r");
    while (f && fgets(l, sizeof l, f)) if (!strncmp(l, name, strlen(name))) kb = atol(l + strlen(name));
    if (f) fclose(f);
    return kb;
}

int main(void) {
    char *p = map_pages(4, PROT_READ | PROT_WRITE);
    unsigned char v[4];
    VALUE(mlock(p, 2 * PAGE));
    MUST(mincore(p, 4 * PAGE, v));
    say("%d %d %d %d\n", v[0] & 1, v[1] & 1, v[2] & 1, v[3] & 1);
    VALUE(locked("/proc/self/status", "VmLck:"));
    VALUE(syscall(SYS_mlock2, p + 2 * PAGE, PAGE, MLOCK_ONFAULT));
    MUST(mincore(p, 4 * PAGE, v));
    say("%d %d %d %d\n", v[0] & 1, v[1] & 1, v[2] & 1, v[3] & 1);
    VALUE(syscall(SYS_mlock2, p, PAGE, 4));
    VALUE(madvise(p, PAGE, MADV_DONTNEED));
    VALUE(munlock(p + 1, PAGE));
    VALUE(locked("/proc/self/status", "VmLck:"));
    VALUE(munlock(p, 4 * PAGE));
    VALUE(locked("/proc/self/status", "VmLck:"));
    munmap(p + PAGE, PAGE);
    VALUE(mlock(p, 3 * PAGE));
    VALUE(munlock(p, 3 * PAGE));
    VALUE(mlock(p, -1L));
    VALUE(munlockall());
    VALUE(mlockall(0));
    VALUE(mlockall(99));
    VALUE(mlock(p, 0));
}
// qemu-user: locks by itself
