// A SIGSEGV handler gives access to the page and the instruction is done again: write barriers, growing heaps.
#include "check.h"

static char *area;
static int faults;
static void handler(int sig, siginfo_t *i, void *context) {
    (void)sig, (void)context;
    faults++;
    char *page = (char *)((long)i->si_addr & -PAGE);
    if (mprotect(page, PAGE, PROT_READ | PROT_WRITE)) give_up("mprotect", __LINE__);
}
int main(void) {
    area = map_pages(64, PROT_NONE);
    handle_with(SIGSEGV, handler, 0);
    for (long n = 0; n < 64 * PAGE; n += 64) area[n]++;
    say("faults %d\n", faults);
    mprotect(area, 64 * PAGE, PROT_READ);
    memset(area + 100, 5, 63 * PAGE);
    say("memset: faults %d last %d\n", faults, area[63 * PAGE + 99]);
    mprotect(area, 64 * PAGE, PROT_READ);
    __asm__ volatile("rep movsb" ::"S"(area), "D"(area + 20 * PAGE + 5), "c"(PAGE * 3) : "memory");
    say("rep movsb: faults %d value %d\n", faults, area[20 * PAGE + 105]);
    mprotect(area, 64 * PAGE, PROT_READ);
    *(volatile long *)(area + 31 * PAGE - 3) = 0x0102030405060708;
    say("crossing: faults %d value %#lx\n", faults, *(volatile long *)(area + 31 * PAGE - 3));
    mprotect(area, 64 * PAGE, PROT_READ);
    __asm__ volatile("lock addl $5, (%0)" ::"r"(area + 40 * PAGE) : "memory");
    say("lock: faults %d\n", faults);
    // A system call does not fault: it says EFAULT.
    mprotect(area, 64 * PAGE, PROT_READ);
    VALUE(read(open("/dev/zero", O_RDONLY), area, 100));
    say("after read: faults %d\n", faults);
}
