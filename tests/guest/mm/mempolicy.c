// get_mempolicy, set_mempolicy, mbind: a policy is kept and told again, inherited, and refused where it is wrong.
#include "check.h"
// qemu-user: does not know the memory policy calls

int main(void) {
    unsigned long nodes = 0, one = 1;
    int mode = -1;
    char *p = map_pages(2, PROT_READ | PROT_WRITE);
    p[0] = 1;
    VALUE(syscall(SYS_get_mempolicy, &mode, &nodes, 8 * sizeof nodes, NULL, 0));
    say("mode %d nodes %#lx\n", mode, nodes);
    VALUE(syscall(SYS_set_mempolicy, 1, &one, 8 * sizeof one));
    VALUE(syscall(SYS_get_mempolicy, &mode, &nodes, 8 * sizeof nodes, NULL, 0));
    say("mode %d nodes %#lx\n", mode, nodes);
    reap("child", CHILD(mode = -1; syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0); say("inherited %d\n", mode)));
    VALUE(syscall(SYS_mbind, p, PAGE, 2, &one, 8 * sizeof one, 0));
    VALUE(syscall(SYS_get_mempolicy, &mode, NULL, 0, p, 2));
    say("of the page %d\n", mode);
    VALUE(syscall(SYS_get_mempolicy, &mode, NULL, 0, p, 3));
    say("node %d\n", mode);
    VALUE(syscall(SYS_set_mempolicy, 0, NULL, 0));
    VALUE(syscall(SYS_set_mempolicy, 99, NULL, 0));
    VALUE(syscall(SYS_set_mempolicy, 2, NULL, 0));
    VALUE(syscall(SYS_mbind, p + 1, PAGE, 2, &one, 8 * sizeof one, 0));
    VALUE(syscall(SYS_mbind, p, PAGE, 2, 8, 8 * sizeof one, 0));
    VALUE(syscall(SYS_get_mempolicy, 8, NULL, 0, NULL, 0));
    VALUE(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 99));
}
