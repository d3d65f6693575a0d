// A file mapping around the end of the file: zeros to the page's end, SIGBUS beyond, and what happens when it grows or shrinks.
#include "check.h"

static sigjmp_buf back;
static void handler(int sig, siginfo_t *i, void *context) { (void)context; siglongjmp(back, sig * 100 + i->si_code); }
static void look(const char *what, volatile char *p) {
    int r = sigsetjmp(back, 1);
    if (r) say("%s: %s code %d\n", what, signal_name(r / 100), r % 100);
    else say("%s: %d\n", what, *p);
}
int main(void) {
    handle_with(SIGBUS, handler, 0);
    handle_with(SIGSEGV, handler, 0);
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    write(fd, "abc", 3);
    char *m = MUST(mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    char *q = MUST(mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    look("in the file", m + 2);
    look("in its last page", m + 3);
    look("beyond", m + PAGE);
    look("private beyond", q + PAGE);
    ftruncate(fd, 2 * PAGE);
    look("grown", m + PAGE);
    m[PAGE + 1] = 42;
    look("private sees", q + PAGE + 1);
    q[PAGE + 2] = 43;
    m[PAGE + 1] = 44;
    look("private copied", q + PAGE + 1);
    ftruncate(fd, 1);
    look("shrunk", m + PAGE);
    look("private copy gone", q + PAGE + 2);
    look("cut", m + 2);
    VALUE(write(1, m + PAGE, 1));
    VALUE(read(open("/dev/zero", O_RDONLY), m + PAGE, 1));
    VALUE(msync(m, 3 * PAGE, MS_SYNC));
}
