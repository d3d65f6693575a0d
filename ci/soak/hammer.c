// Threads that hammer signals, memory, processes, futexes and freshly written code, each checking its own
// answers, until the time is over.
//   hammer SECONDS [THREADS [PATIENCE]]
// Prints what was done and exits with 0; a wrong answer ends it at once with 1, a thread that makes no
// progress for PATIENCE seconds (120) with 3. Makes nothing that outlives it.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, MAX = 256 };

static const char *const NAMES[] = {"signals", "memory", "processes", "futexes", "fresh code", "shared code"};
enum { SIGNALS, MEMORY, PROCESSES, FUTEXES, FRESH, SHARED, KINDS };

static struct worker {
    pthread_t thread;
    pid_t tid;
    int number, kind;
    uint64_t seed;
    _Atomic uint64_t rounds;  // done: the watchdog looks at it
    _Atomic uint64_t sent, got;  // sums of what SIGRTMIN carried: sent by this thread, arrived in it
    char *_Atomic guarded;       // a page of which this thread expects a fault, to be repaired by the handler
    _Atomic uint64_t repaired;
    _Atomic int over;  // its last round is done
} workers[MAX];
static int count = 24, patience = 120;
static _Atomic int over, started;
static __thread struct worker *self;

static void fail(const char *what, uint64_t is, uint64_t should) {
    dprintf(1, "wrong: %s, thread %d, round %lu: %#lx, not %#lx, errno %d\n", what, self ? self->number : -1,
            self ? (unsigned long)self->rounds : 0, (unsigned long)is, (unsigned long)should, errno);
    _exit(1);
}
#define EQ(is, should)                                                         \
    do {                                                                       \
        uint64_t is_ = (uint64_t)(is), should_ = (uint64_t)(should);           \
        if (is_ != should_) fail(#is, is_, should_);                           \
    } while (0)

static uint64_t random64(struct worker *w) {
    w->seed ^= w->seed << 13, w->seed ^= w->seed >> 7, w->seed ^= w->seed << 17;
    return w->seed;
}

// ---- signals: none that was queued is lost, and none comes to another thread ----

static void on_queued(int sig, siginfo_t *info, void *context) {
    (void)context;
    uint64_t v = (uintptr_t)info->si_value.sival_ptr;
    EQ(self != NULL, 1);
    EQ(sig, SIGRTMIN);
    EQ(info->si_code, SI_QUEUE);
    EQ(info->si_pid, getpid());
    EQ(v >> 32, self->number);
    self->got += v & 0xffffffff;
}

static void on_plain(int sig) {
    (void)sig;
    // something that uses the vector registers and the stack
    char text[64];
    snprintf(text, sizeof text, "%d %f", sig, 1.5);
    if (strcmp(text, "10 1.500000")) fail("what snprintf printed", 0, 0);
}

static void on_fault(int sig, siginfo_t *info, void *context) {
    (void)sig, (void)context;
    char *page = self ? self->guarded : NULL;
    char *at = info->si_addr;
    if (!page || at < page || at >= page + PAGE || info->si_code != SEGV_ACCERR) {
        dprintf(1, "wrong: a fault at %p, code %d, thread %d\n", info->si_addr, info->si_code, self ? self->number : -1);
        _exit(1);
    }
    if (mprotect(page, PAGE, PROT_READ | PROT_WRITE)) fail("mprotect in the handler", 1, 0);
    self->repaired++;
}

static void signals(struct worker *w) {
    for (int i = 0; i < 8; i++) {
        struct worker *to = &workers[random64(w) % (unsigned)count];
        uint64_t v = random64(w) % 1000 + 1;
        siginfo_t info;
        memset(&info, 0, sizeof info);
        info.si_signo = SIGRTMIN;
        info.si_code = SI_QUEUE;
        info.si_pid = getpid();
        info.si_uid = getuid();
        info.si_value.sival_ptr = (void *)((uint64_t)to->number << 32 | v);
        if (syscall(SYS_rt_tgsigqueueinfo, getpid(), to->tid, SIGRTMIN, &info) == 0)
            w->sent += v;
        else
            EQ(errno, EAGAIN);  // too many wait
        EQ(syscall(SYS_tgkill, getpid(), to->tid, SIGUSR1), 0);
    }
    // Blocked, it waits; sigtimedwait takes it, and no handler sees it.
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    EQ(pthread_sigmask(SIG_BLOCK, &set, &old), 0);
    EQ(syscall(SYS_tgkill, getpid(), w->tid, SIGUSR2), 0);
    int got;
    do got = sigwaitinfo(&set, NULL);
    while (got < 0 && errno == EINTR);
    EQ(got, SIGUSR2);
    EQ(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
}

// ---- memory ----

static void memory(struct worker *w) {
    size_t pages = random64(w) % 32 + 3, size = pages * PAGE;
    char *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EQ(m == MAP_FAILED, 0);
    for (size_t i = 0; i < size; i += 64) {
        EQ(m[i], 0);
        m[i] = (char)(i / 64 * 31 + w->number);
    }
    // A page becomes read-only, is written to, and the handler makes it writable again.
    char *page = m + random64(w) % pages * PAGE;
    EQ(mprotect(page, PAGE, PROT_READ), 0);
    uint64_t before = w->repaired;
    w->guarded = page;
    *(volatile char *)(page + 128) = (char)((page + 128 - m) / 64 * 31 + w->number);
    w->guarded = NULL;
    EQ(w->repaired, before + 1);
    // Moved, and with a hole in it.
    char *bigger = mremap(m, size, size + PAGE, MREMAP_MAYMOVE);
    EQ(bigger == MAP_FAILED, 0);
    EQ(munmap(bigger + PAGE, PAGE), 0);
    for (size_t i = 0; i < size; i += 64)
        if (i / PAGE != 1) EQ(bigger[i], (char)(i / 64 * 31 + w->number));
    EQ(munmap(bigger, PAGE), 0);  // not over the hole: another thread may have it now
    EQ(munmap(bigger + 2 * PAGE, size - PAGE), 0);
}

// ---- processes ----

extern char **environ;

static int wait_for(pid_t pid) {
    int status;
    pid_t got;
    do got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    EQ(got, pid);
    return status;
}

static void processes(struct worker *w) {
    uint64_t v = random64(w);
    char *note = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EQ(note == MAP_FAILED, 0);
    *(uint64_t *)note = v;
    pid_t pid = fork();
    if (pid == 0) {
        *(uint64_t *)note = v * 3 + (getppid() != 0);
        _exit(v % 200);
    }
    EQ(pid > 0, 1);
    int status = wait_for(pid);
    EQ(WIFEXITED(status), 1);
    EQ(WEXITSTATUS(status), v % 200);
    EQ(*(uint64_t *)note, v * 3 + 1);
    EQ(munmap(note, PAGE), 0);
    if (v % 8 == 0) {
        char number[24], *arguments[] = {"hammer", "answer", number, NULL};
        snprintf(number, sizeof number, "%lu", (unsigned long)(v % 100));
        EQ(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ), 0);
        EQ(wait_for(pid), ((v % 100 * 7 + 1) & 0xff) << 8);
    }
}

// ---- futexes: pairs play ping-pong, nobody wakes twice ----

static _Atomic uint32_t tables[MAX / 2];

static void futexes(struct worker *w, int rank) {
    _Atomic uint32_t *ball = &tables[rank / 2];
    uint32_t mine = rank & 1;
    for (int i = 0; i < 50; i++) {
        uint32_t v;
        while (((v = *ball) & 1) != mine) {
            if (over) return;
            // The time limit only lets the thread see that the end has come; a lost wake-up would show as one.
            struct timespec limit = {20, 0};
            if (syscall(SYS_futex, ball, FUTEX_WAIT_PRIVATE, v, &limit, NULL, 0) < 0 && errno == ETIMEDOUT && *ball != v)
                fail("a wake-up was lost", *ball, v);
        }
        *ball = v + 1;
        syscall(SYS_futex, ball, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
    (void)w;
}

// ---- code ----

typedef uint32_t function(uint32_t);

// lea eax, [rdi + rdi*2]; xor eax, imm32; N times add eax, imm8; ret
static size_t write_code(unsigned char *at, uint32_t x, unsigned adds, unsigned char a) {
    unsigned char *p = at;
    memcpy(p, "\x8d\x04\x7f\x35", 4), memcpy(p + 4, &x, 4), p += 8;
    for (unsigned i = 0; i < adds; i++) *p++ = 0x83, *p++ = 0xc0, *p++ = a;
    *p++ = 0xc3;
    return (size_t)(p - at);
}

static void fresh(struct worker *w) {
    uint64_t r = random64(w);
    int two = r & 1;  // written through another mapping than it runs from
    unsigned char *run, *edit;
    if (two) {
        int fd = memfd_create("code", MFD_CLOEXEC);
        EQ(fd >= 0, 1);
        EQ(ftruncate(fd, 2 * PAGE), 0);
        edit = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        run = mmap(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
        EQ(close(fd), 0);
    } else {
        run = edit = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    EQ(run == MAP_FAILED || edit == MAP_FAILED, 0);
    for (int i = 0; i < 12; i++) {
        r = random64(w);
        uint32_t x = (uint32_t)r, in = (uint32_t)(r >> 32);
        unsigned adds = r % 40;
        unsigned char a = r >> 8 & 0x7f;
        size_t offset = r % 3 == 0 ? PAGE - 6 : r % (2 * PAGE - 256);  // now and then over the page's end
        write_code(edit + offset, x, adds, a);
        for (int n = 0; n < 3; n++) EQ(((function *)(run + offset))(in + n), (((in + n) * 3) ^ x) + adds * a);
        // only its constant changes
        x = ~x;
        memcpy(edit + offset + 4, &x, 4);
        EQ(((function *)(run + offset))(in), ((in * 3) ^ x) + adds * a);
        if (!two && r % 5 == 0) {  // not writable while it runs, as most JITs do it
            EQ(mprotect(run, 2 * PAGE, PROT_READ | PROT_EXEC), 0);
            EQ(((function *)(run + offset))(in + 9), (((in + 9) * 3) ^ x) + adds * a);
            EQ(mprotect(run, 2 * PAGE, PROT_READ | PROT_WRITE), 0);
            memset(run + offset, 0xcc, 8);
            EQ(mprotect(run, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
        }
    }
    EQ(munmap(run, 2 * PAGE), 0);
    if (two) EQ(munmap(edit, 2 * PAGE), 0);
}

// One function that all threads of this kind call and one rewrites, with the rest kept out meanwhile.
static unsigned char *shared_code;
static uint32_t shared_x;
static pthread_rwlock_t shared_lock = PTHREAD_RWLOCK_INITIALIZER;

static void shared(struct worker *w) {
    uint32_t r = (uint32_t)random64(w);
    if (r % 16 == 0) {
        EQ(pthread_rwlock_wrlock(&shared_lock), 0);
        shared_x = r;
        write_code(shared_code, r, 5, 3);
        EQ(pthread_rwlock_unlock(&shared_lock), 0);
        return;
    }
    EQ(pthread_rwlock_rdlock(&shared_lock), 0);
    // what the processor may have fetched before must go: a serialising instruction
    uint32_t a = 0, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    uint32_t got = ((function *)shared_code)(r), want = ((r * 3) ^ shared_x) + 15;
    EQ(pthread_rwlock_unlock(&shared_lock), 0);
    EQ(got, want);
}

static void *work(void *argument) {
    struct worker *w = self = argument;
    w->tid = (pid_t)syscall(SYS_gettid);
    int rank = w->number / KINDS;
    started++;
    while (started < count) usleep(1000);
    while (!over) {
        switch (w->kind) {
        case SIGNALS: signals(w); break;
        case MEMORY: memory(w); break;
        case PROCESSES: processes(w); break;
        case FUTEXES: futexes(w, rank); break;
        case FRESH: fresh(w); break;
        case SHARED: shared(w); break;
        }
        w->rounds++;
    }
    w->over = 1;
    // Nobody leaves before all have sent their last, and all that was sent has come.
    started--;
    while (started > 0) usleep(1000);
    return NULL;
}

static void on_alarm(int sig) {
    (void)sig;
    for (int i = 0; i < count; i++)
        if (!workers[i].over)
            dprintf(1, "hang at the end: thread %d, %s, after %lu rounds\n", i, NAMES[workers[i].kind], (unsigned long)workers[i].rounds);
    dprintf(1, "hang at the end: %d threads\n", started);
    _exit(3);
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "answer")) return (atoi(argv[2]) * 7 + 1) & 0xff;
    if (argc < 2) return 2;
    int seconds = atoi(argv[1]);
    if (argc > 2) count = atoi(argv[2]);
    if (argc > 3) patience = atoi(argv[3]);
    // Futexes are played in pairs.
    if (count < 2 * KINDS || count > MAX || count % (2 * KINDS)) return 2;
    struct sigaction action = {.sa_sigaction = on_queued, .sa_flags = SA_SIGINFO | SA_RESTART};
    EQ(sigaction(SIGRTMIN, &action, NULL), 0);
    action.sa_sigaction = on_fault;
    EQ(sigaction(SIGSEGV, &action, NULL), 0);
    action.sa_flags = 0;  // calls are interrupted
    action.sa_handler = on_plain;
    EQ(sigaction(SIGUSR1, &action, NULL), 0);
    shared_code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    write_code(shared_code, 0, 5, 3);
    for (int i = 0; i < count; i++) {
        workers[i].number = i;
        workers[i].kind = i % KINDS;
        workers[i].seed = 88172645463325252u + (uint64_t)i * 7919;
        EQ(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    uint64_t last[MAX] = {0};
    time_t since[MAX], now = time(NULL), end = now + seconds;
    for (int i = 0; i < count; i++) since[i] = now;
    while ((now = time(NULL)) < end) {
        sleep(1);
        for (int i = 0; i < count; i++) {
            if (workers[i].rounds != last[i]) {
                last[i] = workers[i].rounds;
                since[i] = now;
            } else if (now - since[i] > patience) {
                printf("hang: thread %d, %s, after %lu rounds\n", i, NAMES[workers[i].kind], (unsigned long)last[i]);
                return 3;
            }
        }
    }
    over = 1;
    signal(SIGALRM, on_alarm);
    alarm((unsigned)patience);
    for (int i = 0; i < count; i++) EQ(pthread_join(workers[i].thread, NULL), 0);
    uint64_t sent = 0, got = 0, rounds[KINDS] = {0}, repaired = 0;
    for (int i = 0; i < count; i++) {
        sent += workers[i].sent, got += workers[i].got, repaired += workers[i].repaired;
        rounds[workers[i].kind] += workers[i].rounds;
    }
    EQ(got, sent);
    EQ(waitpid(-1, NULL, WNOHANG), -1);
    EQ(errno, ECHILD);
    printf("%d s, %d threads:", seconds, count);
    for (int k = 0; k < KINDS; k++) printf(" %s %lu,", NAMES[k], (unsigned long)rounds[k]);
    printf(" pages repaired %lu\n", (unsigned long)repaired);
    return 0;
}
