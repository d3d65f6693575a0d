// Code written through one mapping of a memfd and run through another, also after fork and by another process.
#include "check.h"

static void put(unsigned char *at, int v) {
    // mov $v, %eax; ret
    unsigned char code[] = {0xb8, v, 0, 0, 0, 0xc3};
    memcpy(at, code, sizeof code);
}

int main(void) {
    int fd = MUST(memfd_create("code", 0));
    MUST(ftruncate(fd, 2 * PAGE));
    unsigned char *w = MUST(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    unsigned char *x = MUST(mmap(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0));
    int (*f)(void) = (int (*)(void))x, (*g)(void) = (int (*)(void))(x + PAGE);
    int sum = 0;
    for (int n = 0; n < 40; n++) {
        put(w, n);
        for (int k = 0; k < 30; k++) sum += f();
    }
    say("sum %d\n", sum);
    put(w + PAGE, 7);
    say("%d %d\n", f(), g());
    // By the file.
    MUST(pwrite(fd, "\xb8\x21\0\0\0\xc3", 6, PAGE));
    say("%d\n", g());
    struct gate a = gate_make(), b = gate_make();
    pid_t p = CHILD(say("child %d\n", f()); put(w, 99); gate_open(a); gate_wait(b); say("child %d\n", f()));
    gate_wait(a);
    put(w, 55);
    gate_open(b);
    reap("child", p);
    MUST(munmap(w, 2 * PAGE));
    w = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE));
    put(w, 3);
    say("%d\n", g());
}
