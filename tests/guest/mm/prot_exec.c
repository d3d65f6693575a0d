// Pages without PROT_EXEC do not run, with it they do; READ_IMPLIES_EXEC is off; code in a file mapping and on the heap.
#include "check.h"
static sigjmp_buf back;
static void handler(int sig, siginfo_t *i, void *c) { (void)sig, (void)c; siglongjmp(back, i->si_code + 1); }
static void run(const char *what, char *p) {
    int r = sigsetjmp(back, 1);
    if (r) say("%s: faults, code %d\n", what, r - 1);
    else say("%s: %d\n", what, ((int (*)(void))p)());
}
int main(void) {
    static const char code[] = "\xb8\x2a\x00\x00\x00\xc3";
    handle_with(SIGSEGV, handler, 0);
    char *a = map_pages(2, PROT_READ | PROT_WRITE);
    memcpy(a, code, 6);
    memcpy(a + PAGE - 2, code, 6);
    run("data", a);
    mprotect(a, PAGE, PROT_READ | PROT_EXEC);
    run("code", a);
    run("crossing into data", a + PAGE - 2);
    mprotect(a, 2 * PAGE, PROT_EXEC);
    run("crossing", a + PAGE - 2);
    mprotect(a, PAGE, PROT_NONE);
    run("none", a);
    int fd = open("f", O_RDWR | O_CREAT, 0700);
    write(fd, code, 6);
    run("file", mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
    run("file without", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
    char *h = malloc(100);
    memcpy(h, code, 6);
    run("heap", h);
    char s[16];
    memcpy(s, code, 6);
    run("stack", s);
    mprotect((char *)((long)h & -PAGE), PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    run("heap made executable", h);
}
