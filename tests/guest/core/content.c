// core(5): what is in a core file: notes, registers, memory; and what is not.
// qemu-user: makes what it dumps core of its own
#include "check.h"
#include "corefile.h"

static char data[] = "initialised", bss[64];
static char *heap, *private_page, *shared_page, *not_dumped, *hidden, *file, *changed_file, *untouched;
static int step;

static void note(const char *name, unsigned type, const char *desc, unsigned size) {
    // NT_X86_XSAVE_LAYOUT, of newer kernels.
    if (type == 0x205) return;
    say("%d: %s %#x", step++, name, type);
    // Which and how many entries there are is the program's and the machine's.
    if (type != NT_AUXV && type != NT_FILE && type != NT_X86_XSTATE) say(" size %u", size);
    say("\n");
    if (type == NT_PRSTATUS) {
        const struct elf_prstatus *s = (void *)desc;
        const struct user_regs_struct *r = (void *)s->pr_reg;
        say("  signal %d %d code %d errno %d, valid %d, blocked %#lx\n", s->pr_cursig, s->pr_info.si_signo, s->pr_info.si_code,
            s->pr_info.si_errno, s->pr_fpvalid, s->pr_sighold);
        say("  r15 %#llx r14 %#llx r13 %#llx r12 %#llx rbp %#llx rbx %#llx\n", r->r15, r->r14, r->r13, r->r12, r->rbp, r->rbx);
        say("  r11 %#llx r10 %#llx r9 %#llx r8 %#llx rax %#llx rcx %#llx rdx %#llx rsi %#llx rdi %#llx orig %lld\n", r->r11, r->r10, r->r9,
            r->r8, r->rax, r->rcx, r->rdx, r->rsi, r->rdi, r->orig_rax);
        extern char fault[];
        say("  rip %s cs %#llx ss %#llx flags %#llx fs %s\n", r->rip == (uint64_t)fault ? "at the fault" : "?", r->cs, r->ss,
            r->eflags & 0xcd5, r->fs_base ? "set" : "0");
    } else if (type == NT_PRPSINFO) {
        const struct elf_prpsinfo *p = (void *)desc;
        say("  uid %d gid %d, %s, arguments \"%s\"\n", p->pr_uid == getuid(), p->pr_gid == getgid(), p->pr_fname,
            strstr(p->pr_psargs, " one two") ? strstr(p->pr_psargs, " one two") : "?");
    } else if (type == NT_SIGINFO) {
        const siginfo_t *i = (void *)desc;
        say("  %d %d %p\n", i->si_signo, i->si_code, i->si_addr);
    } else if (type == NT_FPREGSET) {
        const struct user_fpregs_struct *f = (void *)desc;
        say("  mxcsr %#x cwd %#x xmm3 %#x %#x\n", f->mxcsr, f->cwd, f->xmm_space[12], f->xmm_space[13]);
    } else if (type == NT_X86_XSTATE) {
        const uint64_t *x = (void *)desc;
        // XCR0's x87, SSE and AVX; XSTATE_BV; YMM3's upper half.
        say("  xcr0 %#lx\n", (long)(x[464 / 8] & 3));
        if (x[464 / 8] & 4) say("  ymm3 %#lx\n", (long)x[(576 + 3 * 16) / 8]);
    } else if (type == NT_AUXV) {
        const Elf64_auxv_t *a = (void *)desc;
        int entry = 0, page = 0;
        for (; a->a_type; a++) entry |= a->a_type == AT_ENTRY, page |= a->a_type == AT_PAGESZ && a->a_un.a_val == 4096;
        say("  entry %d page size %d\n", entry, page);
    } else if (type == NT_FILE) {
        const long *w = (void *)desc;
        const char *names = desc + 16 + 24 * w[0];
        int own = 0, mapped = 0;
        for (long i = 0; i < w[0]; i++) {
            if (strstr(names, "/content")) own++;
            if (strstr(names, "/a file")) say("  pages %ld at %ld\n", (w[3 + 3 * i] - w[2 + 3 * i]) / 4096, w[4 + 3 * i]), mapped++;
            names += strlen(names) + 1;
        }
        say("  page %ld, the program %s, the file %d times, complete %d\n", w[1], own ? "there" : "not there", mapped,
            (int)(names - desc) == (int)size);
    }
}

static void look(struct core *c, const char *what, const void *at) {
    Elf64_Phdr *p;
    char *m = core_memory(c, at, &p);
    if (!p) say("%s: no segment\n", what);
    else if (!m) say("%s: flags %d, not in the file\n", what, p->p_flags);
    else say("%s: flags %d, \"%s\"\n", what, p->p_flags, m);
}

int main(int argc, char **argv) {
    if (argc == 1) {
        char *args[] = {argv[0], "one", "two", NULL};
        execv("/proc/self/exe", args);
    }
    core_limit(RLIM_INFINITY);
    put_file("a file", "");
    int fd = MUST(open("a file", O_RDWR));
    MUST(ftruncate(fd, 4 * PAGE));
    MUST(pwrite(fd, "from the file", 13, PAGE));
    strcpy(bss, "zeroed at first");
    heap = malloc(100);
    strcpy(heap, "heap");
    private_page = map_pages(3, PROT_READ | PROT_WRITE);
    strcpy(private_page + PAGE, "private");
    shared_page = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    strcpy(shared_page, "shared");
    not_dumped = map_pages(1, PROT_READ | PROT_WRITE);
    strcpy(not_dumped, "secret");
    MUST(madvise(not_dumped, PAGE, MADV_DONTDUMP));
    hidden = map_pages(1, PROT_READ | PROT_WRITE);
    strcpy(hidden, "hidden");
    MUST(mprotect(hidden, PAGE, PROT_NONE));
    untouched = map_pages(100, PROT_READ);
    file = MUST(mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE));
    changed_file = MUST(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE));
    strcpy(changed_file, "changed");
    reap("child", CHILD(
        block(SIGUSR1, SIGTERM);
        asm volatile(
            "mov $0x1111, %%eax\nmovd %%eax, %%xmm3\nvzeroupper\npxor %%xmm3, %%xmm3\nmovd %%eax, %%xmm3\n"
            "mov $1, %%r8\nmov $2, %%r9\nmov $3, %%r10\nmov $4, %%r11\nmov $5, %%r12\nmov $6, %%r13\nmov $7, %%r14\nmov $8, %%r15\n"
            "mov $9, %%rbx\nmov $10, %%rcx\nmov $11, %%rdx\nmov $12, %%rsi\nmov $13, %%rdi\nmov $14, %%rbp\nxor %%eax, %%eax\n"
            ".globl fault\nfault: movl $1, 0x10(%%rax)\n" ::: "memory", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
            "r13", "r14", "r15", "xmm3")));
    struct core c = core_open("core");
    if (!c.base) return 0;
    core_notes(&c, note);
    look(&c, "data", data);
    look(&c, "bss", bss);
    look(&c, "heap", heap);
    look(&c, "private", private_page + PAGE);
    look(&c, "shared", shared_page);
    look(&c, "not dumped", not_dumped);
    look(&c, "hidden", hidden);
    look(&c, "untouched", untouched);
    look(&c, "file", file);
    look(&c, "changed file", changed_file);
    look(&c, "code", (void *)((uint64_t)main & -4096));
    look(&c, "stack", argv[1]);
    // The program's first page, for its ELF header.
    extern char __ehdr_start[];
    look(&c, "header", __ehdr_start + 1);
    look(&c, "header's next page", __ehdr_start + PAGE);
    // With everything.
    unlink("core");
    put_file("x", "");
    reap("filter", CHILD(int f = MUST(open("/proc/self/coredump_filter", O_WRONLY)); MUST(write(f, "0x3f", 4)); abort()));
    c = core_open("core");
    if (!c.base) return 0;
    look(&c, "file", file);
    reap("filter", CHILD(int f = MUST(open("/proc/self/coredump_filter", O_WRONLY)); MUST(write(f, "0", 1)); abort()));
    c = core_open("core");
    if (!c.base) return 0;
    look(&c, "data", data);
    look(&c, "shared", shared_page);
}
