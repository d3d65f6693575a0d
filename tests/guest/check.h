/* What every test below this folder includes: the system's headers, and printing that is safe in signal handlers, in
 * threads and around fork(2) (each line is one write, nothing is buffered).
 *
 * A test prints what the kernel promises - values, errors by name, fields, layouts - and never what it does not: no
 * addresses, process numbers, descriptors chosen by others or times. It writes only below its working directory, which
 * is its own and empty. Felix's output must be the native output. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))
#define PAGE 4096L

UNUSED static const char *error_name(int e) {
    const char *n = strerrorname_np(e);
    return e == 0 ? "0" : n ? n : "E?";
}

UNUSED static const char *signal_name(int s) {
    static _Thread_local char rt[16];
    const char *n = s < SIGRTMIN ? sigabbrev_np(s) : NULL;
    if (n) return n;
    snprintf(rt, sizeof rt, s >= SIGRTMIN && s <= SIGRTMAX ? "RT%d" : "%d", s >= SIGRTMIN ? s - SIGRTMIN : s);
    return rt;
}

__attribute__((format(printf, 1, 2))) UNUSED static void say(const char *format, ...) {
    char line[4096];
    int saved = errno;
    va_list a;
    va_start(a, format);
    int n = vsnprintf(line, sizeof line, format, a);
    va_end(a);
    if (n > (int)sizeof line - 1) n = sizeof line - 1;
    for (int at = 0; at < n;) {
        ssize_t w = write(1, line + at, n - at);
        if (w > 0) at += w;
        else if (errno != EINTR) break;
    }
    errno = saved;
}

/* Ends a test that cannot go on: always a difference from a native run, and natively a broken test. */
__attribute__((noreturn)) UNUSED static void give_up(const char *what, int line) {
    say("line %d: %s: %s\n", line, what, error_name(errno));
    _exit(99);
}

/* A step of the preparation, which has to succeed. */
#define MUST(e) ({ errno = 0; __typeof__(e) must_ = (e); if ((long)must_ == -1L) give_up(#e, __LINE__); must_; })
#define TRUE(e) ({ errno = 0; if (!(e)) give_up(#e, __LINE__); })

/* Prints the expression with its value, or its error. */
#define VALUE(e) ({ errno = 0; long value_ = (long)(e); int error_ = errno; \
    if (value_ == -1) say("%s = -1 %s\n", #e, error_name(error_)); \
    else say("%s = %ld\n", #e, value_); \
    value_; })
/* The same where the value is not to be compared, only that there is one. */
#define WORKS(e) ({ errno = 0; long works_ = (long)(e); int error_ = errno; \
    say("%s: %s\n", #e, works_ == -1 ? error_name(error_) : "works"); works_; })
/* The same for functions that return the error (pthreads). */
#define RETURNS(e) ({ int returns_ = (e); say("%s: %s\n", #e, returns_ ? error_name(returns_) : "works"); returns_; })

UNUSED static void pause_ms(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR) {}
}

UNUSED static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A child that runs the statements and ends. */
#define CHILD(...) ({ pid_t child_ = MUST(fork()); if (child_ == 0) { __VA_ARGS__; _exit(0); } child_; })

UNUSED static void say_status(const char *who, int status) {
    if (WIFEXITED(status)) say("%s: exit %d\n", who, WEXITSTATUS(status));
    else if (WIFSIGNALED(status)) say("%s: killed by %s%s\n", who, signal_name(WTERMSIG(status)), WCOREDUMP(status) ? ", core" : "");
    else if (WIFSTOPPED(status)) say("%s: stopped by %s\n", who, signal_name(WSTOPSIG(status)));
    else if (WIFCONTINUED(status)) say("%s: continued\n", who);
    else say("%s: status %#x\n", who, status);
}

/* Waits for a child and prints how it ended. */
UNUSED static void reap(const char *who, pid_t pid) {
    int status;
    pid_t got;
    while ((got = waitpid(pid, &status, 0)) == -1 && errno == EINTR) {}
    if (got != pid) say("%s: waitpid: %s\n", who, error_name(errno));
    else say_status(who, status);
}

/* A file's text, at most `size` - 1 bytes of it; how many there are. */
UNUSED static ssize_t file_text(const char *path, char *b, size_t size) {
    int fd = open(path, O_RDONLY);
    ssize_t n = 0, r = 0;
    while (fd >= 0 && (r = read(fd, b + n, size - n - 1)) > 0) n += r;
    b[n] = 0;
    if (fd < 0) say("%s: %s\n", path, error_name(errno));
    close(fd);
    return n;
}

/* Waits until a thread of ours, or of a child, sleeps in the kernel; then it is in the call it was about to make. */
UNUSED static void until_asleep(pid_t tid) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", tid);
    for (int i = 0; i < 5000; i++) {
        int fd = open(path, O_RDONLY);
        ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
        if (fd >= 0) close(fd);
        if (n > 0) {
            text[n] = 0;
            char *p = strrchr(text, ')');
            /* Asleep twice, or it may have been on its way. */
            static int seen;
            if (p && p[2] == 'S') { if (++seen == 2) { seen = 0; return; } } else seen = 0;
        }
        usleep(2000);
    }
    say("%s: never asleep\n", path);
}

/* One-way news between processes or threads. */
struct gate { int fd[2]; };
UNUSED static struct gate gate_make(void) { struct gate g; MUST(pipe2(g.fd, O_CLOEXEC)); return g; }
UNUSED static void gate_open(struct gate g) { MUST(write(g.fd[1], "x", 1)); }
UNUSED static void gate_wait(struct gate g) {
    char c;
    while (read(g.fd[0], &c, 1) != 1) if (errno != EINTR) give_up("gate", __LINE__);
}

UNUSED static void handle_with(int sig, void (*f)(int, siginfo_t *, void *), int flags) {
    struct sigaction a = {.sa_sigaction = f, .sa_flags = flags | SA_SIGINFO};
    sigemptyset(&a.sa_mask);
    MUST(sigaction(sig, &a, NULL));
}

UNUSED static sigset_t set_of(int a, int b) {
    sigset_t s;
    sigemptyset(&s);
    if (a) sigaddset(&s, a);
    if (b) sigaddset(&s, b);
    return s;
}

UNUSED static void block(int a, int b) { sigset_t s = set_of(a, b); MUST(sigprocmask(SIG_BLOCK, &s, NULL)); }
UNUSED static void unblock(int a, int b) { sigset_t s = set_of(a, b); MUST(sigprocmask(SIG_UNBLOCK, &s, NULL)); }
/* Waits for a signal that is blocked until then: pause(2) would miss one that is early. */
UNUSED static int pause_for(int sig) {
    sigset_t s, old;
    MUST(sigprocmask(SIG_SETMASK, NULL, &old));
    s = old;
    sigdelset(&s, sig);
    return sigsuspend(&s);
}

/* A file of our directory with this content. */
UNUSED static void put_file(const char *name, const char *text) {
    int fd = MUST(open(name, O_CREAT | O_TRUNC | O_WRONLY, 0644));
    MUST(write(fd, text, strlen(text)));
    close(fd);
}

UNUSED static void *map_pages(long n, int prot) {
    return MUST(mmap(NULL, n * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}
