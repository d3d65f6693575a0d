// Private file mappings: copy on write, changes of the file before and after, fork.
#include "check.h"
int main(void) {
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    char page[PAGE];
    memset(page, 'a', PAGE);
    for (int n = 0; n < 3; n++) write(fd, page, PAGE);
    char *p = MUST(mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    pwrite(fd, "b", 1, 0);
    say("%c\n", p[0]);
    p[PAGE] = 'c';
    pwrite(fd, "d", 1, PAGE);
    say("%c\n", p[PAGE]);
    reap("child", CHILD(p[0] = 'e'; p[2 * PAGE] = 'f'; say("%c%c%c\n", p[0], p[PAGE], p[2 * PAGE])));
    say("%c%c%c\n", p[0], p[PAGE], p[2 * PAGE]);
    char c;
    pread(fd, &c, 1, PAGE);
    say("file %c\n", c);
    close(fd);
    unlink("f");
    say("after unlink %c\n", p[2 * PAGE + 5]);
    MUST(mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    say("%c %d %c\n", p[PAGE - 1], p[PAGE], p[2 * PAGE]);
}
