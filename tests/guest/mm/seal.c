// Sealed memory (mseal(2)) keeps its place, its rights and, where it cannot be written to, what is in it.
// qemu-user: knows no mseal
#include "check.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif
static long seal(void *at, size_t n, long flags) { return syscall(SYS_mseal, at, n, flags); }
static char *fresh(int prot) { return mmap(NULL, 8 * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

int main(void) {
    char *m = fresh(PROT_READ | PROT_WRITE), *other = fresh(PROT_READ);
    if (seal(m, 0, 0) < 0 && errno == ENOSYS) {
        say("unknown\n");
        return 0;
    }
    VALUE(seal(m + 1, PAGE, 0));
    VALUE(seal(m, PAGE, 1));
    VALUE(seal(m, -1UL, 0));
    VALUE(seal((void *)-PAGE, 2 * PAGE, 0));
    munmap(m + 6 * PAGE, PAGE);
    VALUE(seal(m, 8 * PAGE, 0));
    memset(m, 'x', 6 * PAGE);
    VALUE(seal(m + 2 * PAGE, 2 * PAGE - 100, 0));
    VALUE(seal(m + 2 * PAGE, 2 * PAGE, 0));
    // Neither moved, nor replaced, nor unmapped, nor changed.
    VALUE(munmap(m + 3 * PAGE, PAGE));
    VALUE(munmap(m, 3 * PAGE));
    say("nothing is gone: %c\n", m[0]);
    VALUE(mmap(m + 2 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == m + 2 * PAGE);
    VALUE((long)mmap(m + PAGE, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    VALUE((long)mremap(m + 2 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
    VALUE((long)mremap(m + 2 * PAGE, 2 * PAGE, PAGE, 0));
    VALUE((long)mremap(other, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, m + 3 * PAGE));
    VALUE(mprotect(m + 2 * PAGE, PAGE, PROT_READ));
    VALUE(mprotect(m + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE));
    VALUE(mprotect(m + 3 * PAGE, 2 * PAGE, PROT_READ));
    m[4 * PAGE] = 'y';
    // What comes before has been changed.
    VALUE(mprotect(m, 4 * PAGE, PROT_READ));
    reap("before", CHILD(setrlimit(RLIMIT_CORE, &(struct rlimit){}); m[PAGE] = 1));
    reap("sealed", CHILD(m[2 * PAGE] = 1));
    // What is in it may go only where it can be written to.
    VALUE(madvise(m + 2 * PAGE, PAGE, MADV_DONTNEED));
    say("%d\n", m[2 * PAGE]);
    VALUE(seal(other, 2 * PAGE, 0));
    VALUE(madvise(other, PAGE, MADV_DONTNEED));
    VALUE(madvise(other, PAGE, MADV_FREE));
    VALUE(madvise(other + PAGE, 3 * PAGE, MADV_DONTNEED));
    VALUE(madvise(other, PAGE, MADV_WILLNEED));
    VALUE(madvise(other + 2 * PAGE, PAGE, MADV_DONTNEED));
    VALUE(munmap(other + 2 * PAGE, 6 * PAGE));
    // A child has the seals, another program has not.
    reap("child", CHILD(VALUE(munmap(m + 2 * PAGE, PAGE)); VALUE(munmap(m, 2 * PAGE))));
    execl("/bin/echo", "echo", "another program", NULL);
}
