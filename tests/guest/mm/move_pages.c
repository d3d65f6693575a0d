// move_pages(2) as a question, migrate_pages(2): the node of each page, ENOENT for one that is not there, EFAULT for none.
#include "check.h"
// qemu-user: does not know move_pages

int main(void) {
    char *p = map_pages(3, PROT_READ | PROT_WRITE);
    p[0] = 1;
    munmap(p + 2 * PAGE, PAGE);
    void *pages[3] = {p, p + PAGE, p + 2 * PAGE};
    int status[3] = {77, 77, 77};
    long r = VALUE(syscall(SYS_move_pages, 0, 3, pages, NULL, status, 0));
    for (int n = 0; n < 3 && r == 0; n++) say("%s\n", status[n] >= 0 ? "a node" : error_name(-status[n]));
    VALUE(syscall(SYS_move_pages, 0, 3, pages, NULL, 8, 0));
    VALUE(syscall(SYS_move_pages, 0, 3, 8, NULL, status, 0));
    VALUE(syscall(SYS_move_pages, 0, 3, pages, NULL, status, 64));
    VALUE(syscall(SYS_move_pages, 0, 0, pages, NULL, status, 0));
    VALUE(syscall(SYS_move_pages, 99999999, 3, pages, NULL, status, 0));
    unsigned long one = 1;
    VALUE(syscall(SYS_migrate_pages, 0, 8 * sizeof one, &one, &one));
    VALUE(syscall(SYS_migrate_pages, 99999999, 8 * sizeof one, &one, &one));
    VALUE(syscall(SYS_migrate_pages, 0, 8 * sizeof one, 8, &one));
}
