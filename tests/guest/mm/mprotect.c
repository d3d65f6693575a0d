// mprotect(2): holes, order of effects, PROT_GROWSDOWN, and that rights are really in force.
#include "check.h"

static sigjmp_buf back;
static void handler(int sig, siginfo_t *i, void *context) { (void)sig, (void)context; siglongjmp(back, i->si_code); }
static int can(char *p, int write) {
    if (sigsetjmp(back, 1)) return 0;
    if (write) *(volatile char *)p = 1; else (void)*(volatile char *)p;
    return 1;
}
int main(void) {
    handle_with(SIGSEGV, handler, 0);
    char *a = map_pages(6, PROT_READ | PROT_WRITE);
    munmap(a + 3 * PAGE, PAGE);
    VALUE(mprotect(a, 6 * PAGE, PROT_READ));
    for (int n = 0; n < 6; n++) say("page %d: read %d write %d\n", n, can(a + n * PAGE, 0), can(a + n * PAGE, 1));
    VALUE(mprotect(a, PAGE, PROT_NONE));
    say("none: read %d\n", can(a, 0));
    VALUE(mprotect(a, PAGE, PROT_WRITE));
    say("write: write %d read %d\n", can(a, 1), can(a, 0));
    VALUE(mprotect(a, PAGE, PROT_EXEC));
    say("exec: write %d read %d\n", can(a, 1), can(a, 0));
    VALUE(mprotect(a + 1, PAGE, PROT_READ));
    VALUE(mprotect(a, 0, PROT_READ));
    VALUE(mprotect(a, 1, PROT_READ | PROT_WRITE));
    say("rounded up: %d\n", can(a + PAGE - 1, 1));
    VALUE(mprotect(a, PAGE, 0x10));
    VALUE(mprotect(a, PAGE, PROT_READ | PROT_GROWSDOWN));
    VALUE(mprotect(a, PAGE, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP));
    VALUE(mprotect(a + 3 * PAGE, PAGE, PROT_READ));
    VALUE(mprotect(a, -PAGE, PROT_READ));
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    ftruncate(fd, PAGE);
    close(fd);
    fd = open("f", O_RDONLY);
    char *m = MUST(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
    VALUE(mprotect(m, PAGE, PROT_READ | PROT_WRITE));
    char *p = MUST(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
    VALUE(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
    VALUE(syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, -1));
}
