// A shared mapping and read(2)/write(2) of the same file see each other at once, also beyond the old end and over ftruncate.
#include "check.h"

static sigjmp_buf back;
static void handler(int sig, siginfo_t *i, void *context) { (void)context; say("  %s code %d\n", signal_name(sig), i->si_code); siglongjmp(back, 1); }

int main(void) {
    char b[16];
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0600));
    MUST(ftruncate(fd, 2 * PAGE));
    char *m = MUST(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    char *p = MUST(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    MUST(pwrite(fd, "written", 8, 100));
    say("%s %s\n", m + 100, p + 100);
    strcpy(m + 200, "stored");
    MUST(pread(fd, b, 8, 200));
    say("%s %s\n", b, p + 200);
    strcpy(p + 300, "private");
    MUST(pread(fd, b, 8, 300));
    say("'%s' '%s'\n", b, m + 300);
    handle_with(SIGBUS, handler, 0);
    if (!sigsetjmp(back, 1)) m[3 * PAGE] = 1;
    MUST(pwrite(fd, "end", 4, 3 * PAGE));
    say("%s\n", m + 3 * PAGE);
    MUST(ftruncate(fd, PAGE));
    if (!sigsetjmp(back, 1)) say("%d\n", m[2 * PAGE]);
    if (!sigsetjmp(back, 1)) say("%d\n", p[2 * PAGE]);
    MUST(ftruncate(fd, 4 * PAGE));
    say("%d '%s'\n", m[3 * PAGE], p + 300);
    struct iovec v[2] = {{m + 400, 4}, {m + 500, 4}};
    MUST(pwrite(fd, "fourlong", 8, 600));
    VALUE(preadv(fd, v, 2, 600));
    say("%.4s %.4s\n", m + 400, m + 500);
    VALUE(pwrite(fd, m + 600, 8, 604));
    say("%.12s\n", m + 600);
}
