// qemu-user: it has no rseq(2)
// Restartable sequences (rseq(2)): what the kernel keeps in a thread's structure, and counters, one for each CPU, that
// threads and signal handlers add to without atomic instructions.
#include "../check.h"
#include <sys/auxv.h>
#include <sys/rseq.h>

#define SLOTS 1024
#define TIMES 40000

static struct { volatile long n, guess, end[6]; } counter[SLOTS];
static struct rseq *of_library(void) { return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset); }

#define SEQUENCE(signature) \
    ".pushsection __rseq_cs, \"aw\"\n.balign 32\n3: .long 0, 0\n.quad 1f, 2f - 1f, 4f\n.popsection\n" \
    "lea 3b(%%rip), %%rax\nmov %%rax, 8(%[r])\n1:"
#define ABORT "jmp 6f\n.long 0x53053053\n4: movl $1, %[failed]\n6:\n"

// Adds to the counter of a CPU, if that is where the thread is and nothing comes between.
static int add(struct rseq *r, int cpu, long by) {
    int failed;
    asm volatile(SEQUENCE() "cmp %[cpu], 4(%[r])\njne 4f\n"
                 "mov (%[at]), %%rax\nmov %%rax, 8(%[at])\nadd %[by], %%rax\nmov %%rax, 8(%[at])\nmov 8(%[at]), %%rax\n"
                 "mov %%rax, (%[at])\n2: movl $0, %[failed]\n" ABORT
                 : [failed] "=&r"(failed)
                 : [r] "r"(r), [cpu] "r"(cpu), [at] "r"(&counter[cpu]), [by] "r"(by)
                 : "rax", "memory", "cc");
    return failed;
}

// The same by one instruction that loads and stores.
static int add_at_once(struct rseq *r, int cpu, long by) {
    int failed;
    asm volatile(SEQUENCE() "cmp %[cpu], 4(%[r])\njne 4f\nadd %[by], (%[at])\n2: movl $0, %[failed]\n" ABORT
                 : [failed] "=&r"(failed)
                 : [r] "r"(r), [cpu] "r"(cpu), [at] "r"(&counter[cpu]), [by] "r"(by)
                 : "rax", "memory", "cc");
    return failed;
}

// Stores at an address, after three stores of other widths.
static int put(struct rseq *r, volatile char *widths, long *to, long value) {
    int failed;
    asm volatile(SEQUENCE() "movb $1, (%[w])\nmovw $0x202, 2(%[w])\nmovl $0x3030303, 4(%[w])\nmov %[value], (%[to])\n"
                 "2: movl $0, %[failed]\n" ABORT
                 : [failed] "=&r"(failed)
                 : [r] "r"(r), [w] "r"(widths), [to] "r"(to), [value] "r"(value)
                 : "rax", "memory", "cc");
    return failed;
}

static void count(int at_once) {
    struct rseq *r = of_library();
    for (int i = 0; i < TIMES; i++)
        for (int cpu; cpu = r->cpu_id_start, at_once ? add_at_once(r, cpu, 1) : add(r, cpu, 1);) {}
}

static void *thread(void *at_once) {
    count(at_once != 0);
    return 0;
}

static long total(void) {
    long sum = 0;
    for (int i = 0; i < SLOTS; i++) sum += counter[i].n, counter[i].n = 0;
    return sum;
}

static void threads(const char *where) {
    for (long at_once = 0; at_once < 2; at_once++) {
        pthread_t t[4];
        for (int i = 0; i < 4; i++) pthread_create(t + i, 0, thread, (void *)at_once);
        for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
        say("%s, %s: %ld\n", where, at_once ? "at once" : "in steps", total());
    }
}

static volatile long handled, handled_within;
static void tick(int sig, siginfo_t *info, void *context) {
    (void)sig, (void)info, (void)context;
    struct rseq *r = of_library();
    // Whatever it was, the kernel has seen to it.
    handled_within += r->rseq_cs != 0;
    handled++;
    for (int cpu; cpu = r->cpu_id_start, add(r, cpu, 1);) {}
}

static sigjmp_buf back;
static volatile unsigned long at_fault, fault_named;
static void fault(int s, siginfo_t *i, void *context) {
    (void)s;
    ucontext_t *u = context;
    at_fault = (unsigned long)i->si_addr;
    unsigned sig;
    memcpy(&sig, (char *)u->uc_mcontext.gregs[REG_RIP] - 4, 4);
    fault_named = sig == 0x53053053;
    siglongjmp(back, 1);
}

static long rseq_call(void *r, unsigned len, int flags, unsigned sig) { return syscall(SYS_rseq, r, len, flags, sig); }
#define RESULT(...) (rseq_call(__VA_ARGS__) ? error_name(errno) : "0")
#define CALL(...) say("rseq(" #__VA_ARGS__ "): %s\n", RESULT(__VA_ARGS__))

static char own[256] __attribute__((aligned(256)));
static void *errors(void *unused) {
    (void)unused;
    struct rseq *r = of_library();
    unsigned sig = 0x53053053;
    CALL(r, 32, 0, sig);
    CALL(r, 32, 0, sig + 1);
    CALL(r, 64, 0, sig);
    CALL(own, 32, 0, sig);
    CALL(r, 32, 2, sig);
    CALL(own, 32, 1, sig);
    CALL(r, 64, 1, sig);
    CALL(r, 32, 1, sig + 1);
    CALL(r, 32, 1, sig);
    say("cpu %d %d\n", (int)r->cpu_id_start, (int)r->cpu_id);
    CALL(r, 32, 1, sig);
    CALL(own + 4, 32, 0, sig);
    CALL(own, 16, 0, sig);
    CALL((char *)-4096, 32, 0, sig);
    CALL(own, 32, 0, sig);
    CALL(own, 32, 0, sig);
    struct rseq *mine = (struct rseq *)own;
    say("on a CPU: %d\n", mine->cpu_id == mine->cpu_id_start && (int)mine->cpu_id >= 0);
    // It ends registered, and its structure is unmapped afterwards. Beside it is code that changes.
    CALL(own, 32, 1, sig);
    char *page = map_pages(1, PROT_READ | PROT_WRITE | PROT_EXEC);
    // mov eax, N; ret
    memcpy(page + 512, "\xb8\0\0\0\0\xc3", 6);
    int (*code)(void) = (int (*)(void))(page + 512);
    long sum = code();
    say("registered %ld\n", rseq_call(page, 32, 0, sig));
    for (int i = 0; i < 20000; i++) *(volatile int *)(page + 513) = i, sum += code();
    say("sum %ld\n", sum);
    return page;
}

int main(void) {
    say("feature size %lu, align %lu\n", getauxval(27), getauxval(28));
    struct rseq *r = of_library();
    say("registered %d\n", (int)r->cpu_id >= 0);
    cpu_set_t all, one;
    MUST(sched_getaffinity(0, sizeof all, &all));
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all)) continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        MUST(sched_setaffinity(0, sizeof one, &one));
        if ((int)r->cpu_id != cpu || sched_getcpu() != cpu) say("CPU %d is said to be %d\n", cpu, (int)r->cpu_id);
    }
    threads("one CPU");
    MUST(sched_setaffinity(0, sizeof all, &all));
    threads("all CPUs");

    handle_with(SIGALRM, tick, SA_RESTART);
    const struct itimerval often = {{0, 200}, {0, 200}}, never = {0};
    MUST(setitimer(ITIMER_REAL, &often, 0));
    long counts = 0;
    for (; handled < 50; counts += TIMES) count(counts / TIMES % 2);
    MUST(setitimer(ITIMER_REAL, &never, 0));
    say("with handlers: %ld, of which in a sequence: %ld\n", total() - handled - counts, handled_within);

    handle_with(SIGSEGV, fault, 0);
    char widths[8] = {0};
    long here = 0;
    say("put: %d %ld\n", put(r, widths, &here, 7), here);
    say("%#x %#x %#x\n", widths[0], *(unsigned short *)(widths + 2), *(unsigned *)(widths + 4));
    if (!sigsetjmp(back, 1)) put(r, widths, (long *)16, 7);
    say("fault at %#lx, in the abort handler: %ld\n", at_fault, fault_named);

    reap("child", CHILD(count(0); say("%ld in a child: %s\n", total(), RESULT(r, 32, 1, 0x53053053))));
    pid_t child = vfork();
    if (!child) {
        say("in one of vfork(2): %s\n", RESULT(r, 32, 1, 0x53053053));
        _exit(0);
    }
    reap("vfork", child);
    pthread_t t;
    void *page;
    pthread_create(&t, 0, errors, 0);
    pthread_join(t, &page);
    MUST(munmap(page, PAGE));
    usleep(1000);
    threads("again");
}
