// Code that the program writes itself: in place, through a second mapping, by read(2) into an executable page, after mprotect.
#include "check.h"

static unsigned char code[] = {0xb8, 0, 0, 0, 0, 0xc3}; // mov eax, N; ret
static void make(char *p, int n) { memcpy(p, code, 6); memcpy(p + 1, &n, 4); }
static int call(char *p) { return ((int (*)(void))p)(); }
int main(void) {
    char *a = map_pages(2, PROT_READ | PROT_WRITE | PROT_EXEC);
    long sum = 0;
    for (int n = 0; n < 3000; n++) { make(a, n); sum += call(a); }
    say("in place %ld\n", sum);
    make(a, 1);
    for (int n = 0; n < 2000; n++) sum += call(a);
    int m = memfd_create("code", 0);
    ftruncate(m, PAGE);
    char *w = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, m, 0), *x = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, m, 0);
    sum = 0;
    for (int n = 0; n < 1000; n++) { make(w, n); sum += call(x); }
    say("by another mapping %ld\n", sum);
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    sum = 0;
    for (int n = 0; n < 1000; n++) {
        char b[6];
        make(b, n);
        pwrite(fd, b, 6, 0);
        MUST(pread(fd, a, 6, 0) == 6 ? 0 : -1);
        sum += call(a);
    }
    say("by pread %ld\n", sum);
    sum = 0;
    for (int n = 0; n < 1000; n++) {
        char b[6];
        make(b, n);
        pwrite(fd, b, 6, 0);
        struct iovec v[2] = {{a, 3}, {a + 3, 3}};
        MUST(preadv(fd, v, 2, 0) == 6 ? 0 : -1);
        sum += call(a);
    }
    say("by preadv %ld\n", sum);
    sum = 0;
    for (int n = 0; n < 200; n++) {
        mprotect(a, PAGE, PROT_READ | PROT_WRITE);
        make(a, n);
        mprotect(a, PAGE, PROT_READ | PROT_EXEC);
        sum += call(a);
    }
    say("by mprotect %ld\n", sum);
    mprotect(a, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    make(a + PAGE, 7);
    for (int n = 0; n < 1000; n++) call(a + PAGE);
    // A read over a page without code and one with code is not cut short.
    static char big[2 * PAGE];
    make(big + PAGE, 8);
    pwrite(fd, big, sizeof big, 0);
    VALUE(pread(fd, a, 2 * PAGE, 0));
    say("after a long read %d\n", call(a + PAGE));
}
