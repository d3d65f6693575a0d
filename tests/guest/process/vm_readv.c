// process_vm_readv and process_vm_writev: a child's memory, partial transfers at holes, errors.
#include "check.h"
int main(void) {
    char *a = map_pages(2, PROT_READ | PROT_WRITE);
    memset(a, 'p', 2 * PAGE);
    struct gate g = gate_make(), h = gate_make();
    pid_t p = CHILD(memset(a, 'c', 2 * PAGE); munmap(a + PAGE, PAGE); gate_open(g); gate_wait(h); _exit(a[5] == 'W' ? 1 : 2));
    gate_wait(g);
    char b[100] = {};
    struct iovec l = {b, 50}, r = {a + 10, 50};
    VALUE(process_vm_readv(p, &l, 1, &r, 1, 0));
    say("%.3s\n", b);
    r = (struct iovec){a + PAGE - 10, 50};
    VALUE(process_vm_readv(p, &l, 1, &r, 1, 0));
    r = (struct iovec){a + PAGE, 50};
    VALUE(process_vm_readv(p, &l, 1, &r, 1, 0));
    VALUE(process_vm_readv(p, &l, 1, &r, 1, 7));
    VALUE(process_vm_readv(0x3ffffff, &l, 1, &r, 1, 0));
    VALUE(process_vm_readv(p, (void *)8, 1, &r, 1, 0));
    l = (struct iovec){"W", 1}, r = (struct iovec){a + 5, 1};
    VALUE(process_vm_writev(p, &l, 1, &r, 1, 0));
    gate_open(h);
    reap("child", p);
}
// qemu-user: does not know these calls
