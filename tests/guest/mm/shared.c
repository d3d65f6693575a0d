// Shared memory between processes: anonymous, file, memfd; what is private stays private.
#include "check.h"

int main(void) {
    int fd = open("f", O_RDWR | O_CREAT, 0644), mem = memfd_create("m", 0);
    ftruncate(fd, PAGE);
    ftruncate(mem, PAGE);
    volatile char *a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *f = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
        *m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0), *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    reap("child", CHILD(a[0] = 1; f[0] = 2; m[0] = 3; p[0] = 4));
    say("%d %d %d %d\n", a[0], f[0], m[0], p[0]);
    char c[4] = {};
    pread(fd, c, 1, 0);
    pread(mem, c + 1, 1, 0);
    say("by read: %d %d\n", c[0], c[1]);
    pwrite(fd, "z", 1, 10);
    say("by write: %c\n", f[10]);
    VALUE(fcntl(mem, F_ADD_SEALS, F_SEAL_WRITE));
    VALUE(munmap((void *)m, PAGE));
    int sealable = memfd_create("s", MFD_ALLOW_SEALING);
    ftruncate(sealable, PAGE);
    VALUE(fcntl(sealable, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE));
    VALUE(fcntl(sealable, F_GET_SEALS));
    VALUE(write(sealable, "x", 1));
    VALUE(ftruncate(sealable, 0));
    VALUE((long)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, sealable, 0));
    VALUE(memfd_create("x", 0x100000));
    static char name[300];
    memset(name, 'n', 299);
    VALUE(memfd_create(name, 0));
}
