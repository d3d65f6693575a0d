// Numbers without a call, and calls that are no longer or never were: ENOSYS.
#include "check.h"

int main(void) {
    const int gone[] = {156, 174, 177, 178, 180, 181, 182, 183, 184, 185, 212, 214, 215, 236};
    for (unsigned n = 0; n < sizeof gone / sizeof *gone; n++) {
        errno = 0;
        long r = syscall(gone[n], 0, 0, 0);
        say("%d: %ld %s\n", gone[n], r, error_name(errno));
    }
    for (int n = 387; n < 424; n += 12) {
        errno = 0;
        long r = syscall(n, 1, 2, 3);
        say("%d: %ld %s\n", n, r, error_name(errno));
    }
    VALUE(syscall(1000));
    VALUE(syscall(0x7fffffff));
    VALUE(syscall(-1));
    // Only the low half is the number.
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "0"(0x500000000L + SYS_getppid) : "rcx", "r11", "memory");
    say("%s\n", r == getppid() ? "getppid" : r == -ENOSYS ? "ENOSYS" : "?");
    VALUE(syscall(SYS_restart_syscall));
}
