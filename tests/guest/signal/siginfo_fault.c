// si_code and si_addr of what the CPU raises, with trapno, err and cr2 of the frame (arch/x86/kernel/traps.c).
#include "check.h"

static sigjmp_buf back;
static char *page, *file;
static const char *name;

static const char *where(void *a, unsigned long rip) {
    static char text[32];
    if ((char *)a >= page && (char *)a < page + 3 * PAGE) snprintf(text, sizeof text, "page+%#lx", (long)((char *)a - page));
    else if ((char *)a >= file && (char *)a < file + 2 * PAGE) snprintf(text, sizeof text, "file+%#lx", (long)((char *)a - file));
    else if ((unsigned long)a == rip) snprintf(text, sizeof text, "rip");
    else snprintf(text, sizeof text, "%p", a);
    return text;
}

static void handler(int sig, siginfo_t *i, void *context) {
    ucontext_t *u = context;
    greg_t *g = u->uc_mcontext.gregs;
    say("%s: %s signo %d errno %d code %d addr %s trapno %lld err %lld", name, signal_name(sig), i->si_signo, i->si_errno, i->si_code,
        where(i->si_addr, g[REG_RIP]), g[REG_TRAPNO], g[REG_ERR]);
    if (g[REG_TRAPNO] == 14) say(" cr2 %s", where((void *)g[REG_CR2], 0));
    say("\n");
    siglongjmp(back, 1);
}

#define TRY(what, ...) do { name = what; if (!sigsetjmp(back, 1)) { __VA_ARGS__; say("%s: nothing\n", name); } } while (0)

int main(void) {
    page = map_pages(3, PROT_READ | PROT_WRITE);
    page[PAGE] = 1; // Present, which the error code tells.
    mprotect(page + PAGE, PAGE, PROT_READ);
    munmap(page + 2 * PAGE, PAGE);
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0600));
    MUST(ftruncate(fd, 10));
    file = MUST(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    int sigs[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    for (int n = 0; n < 5; n++) handle_with(sigs[n], handler, 0);
    UNUSED volatile char sink;
    volatile int zero = 0, one = 1;
    TRY("read unmapped", sink = page[2 * PAGE + 5]);
    TRY("write unmapped", page[2 * PAGE + 6] = 1);
    TRY("write read-only", page[PAGE + 7] = 1);
    TRY("read null", sink = *(volatile char *)0);
    TRY("write low", *(volatile char *)16 = 1);
    TRY("non-canonical", sink = *(volatile char *)0x8000000000001234);
    TRY("kernel half", sink = *(volatile char *)0xffff800000001000);
    TRY("execute data", ((void (*)(void))page)());
    TRY("execute unmapped", ((void (*)(void))(page + 2 * PAGE + 16))());
    TRY("execute null", ((void (*)(void))(long)zero)());
    TRY("beyond the file", sink = file[PAGE + 3]);
    TRY("write beyond the file", file[PAGE + 3] = 1);
    TRY("crossing", *(volatile long *)(page + 2 * PAGE - 3) = 1);
    TRY("divide", one = one / zero);
    TRY("overflow", int m; __asm__ volatile("idivl %2" : "=a"(m) : "0"(1), "r"(one), "d"(1 << 30)));
    TRY("ud2", __asm__ volatile("ud2"));
    TRY("int3", __asm__ volatile("int3"));
    TRY("int 0x81", __asm__ volatile("int $0x81"));
    TRY("hlt", __asm__ volatile("hlt"));
    TRY("in", __asm__ volatile("inb $0x80, %%al" ::: "eax"));
    TRY("movaps", __asm__ volatile("movaps (%0), %%xmm0" ::"r"(page + 1) : "xmm0"));
    TRY("sse divide", unsigned csr = 0x1f80 & ~(4 << 7); __asm__ volatile("ldmxcsr %0; xorps %%xmm0, %%xmm0; movss %1, %%xmm1; divss %%xmm0, %%xmm1" ::"m"(csr), "m"(one) : "xmm0", "xmm1"));
    TRY("x87 divide", short cw = 0x37b; __asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" ::"m"(cw)));
}
