// Calls that no signal interrupts never fail with EINTR, however many arrive and with no SA_RESTART: what does not wait, because of
// its arguments or of the file.
#include "check.h"
#include <linux/futex.h>
#include <sys/msg.h>

static volatile sig_atomic_t count;
static void handle(int s UNUSED) { count++; }

static const char *names[] = {"FUTEX_WAKE", "FUTEX_REQUEUE", "FUTEX_WAKE_OP", "close", "pread", "pwrite", "readv, not waiting", "write, not waiting",
                              "kill", "flock, not waiting", "msgrcv, not waiting", "getrandom", "openat", "dup2", "mprotect", "recv, not waiting", "fcntl", "fstat", "rename"};
enum { CALLS = sizeof names / sizeof *names };

int main(void) {
    static int word, other;
    static char buffer[PAGE] __attribute__((aligned(PAGE)));
    int file = MUST(open("file", O_RDWR | O_CREAT, 0600)), locked = MUST(open("file", O_RDONLY)), p[2], full[2], pair[2];
    MUST(ftruncate(file, PAGE));
    MUST(pipe2(p, O_NONBLOCK));
    MUST(pipe2(full, O_NONBLOCK));
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    while (write(full[1], buffer, PAGE) > 0) {}
    int queue = MUST(msgget(IPC_PRIVATE, 0600));
    MUST(flock(file, LOCK_EX));
    struct sigaction sa = {.sa_handler = handle};
    MUST(sigaction(SIGALRM, &sa, NULL));
    struct itimerval often = {{0, 40}, {0, 40}}, never = {0};
    long interrupted[CALLS] = {0};
    MUST(setitimer(ITIMER_REAL, &often, NULL));
    struct timespec start, t;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        for (int n = 0; n < 2000; n++) {
            long r = 0;
            struct iovec v = {buffer, 1};
            switch (n % CALLS) {
            case 0: r = syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); break;
            case 1: r = syscall(SYS_futex, &word, FUTEX_REQUEUE_PRIVATE, 1, 1L, &other, 0); break;
            case 2: r = syscall(SYS_futex, &word, FUTEX_WAKE_OP_PRIVATE, 1, 1L, &other, FUTEX_OP(FUTEX_OP_SET, 0, FUTEX_OP_CMP_EQ, 0)); break;
            case 3: { int fd = dup(file); if (fd >= 0) r = close(fd); break; }
            case 4: r = pread(file, buffer, 100, 0); break;
            case 5: r = pwrite(file, buffer, 100, 0); break;
            case 6: r = readv(p[0], &v, 1); break;
            case 7: r = write(full[1], buffer, 1); break;
            case 8: r = kill(getpid(), 0); break;
            case 9: r = flock(locked, LOCK_EX | LOCK_NB); break;
            case 10: r = msgrcv(queue, buffer, 8, 0, IPC_NOWAIT); break;
            case 11: r = syscall(SYS_getrandom, buffer, 64, 0); break;
            case 12: { int fd = openat(AT_FDCWD, "file", O_RDONLY); if (fd >= 0) close(fd); else r = fd; break; }
            case 13: r = dup2(file, 100); break;
            case 15: r = recv(pair[0], buffer, 8, MSG_DONTWAIT); break;
            case 16: r = fcntl(file, F_GETFL); break;
            case 17: { struct stat st; r = fstat(file, &st); break; }
            case 18: r = rename("file", "file"); break;
            case 14: r = mprotect(buffer, PAGE, PROT_READ | PROT_WRITE); break;
            }
            if (r < 0 && errno == EINTR) interrupted[n % CALLS]++;
        }
        clock_gettime(CLOCK_MONOTONIC, &t);
    } while ((t.tv_sec - start.tv_sec) * 1000 + (t.tv_nsec - start.tv_nsec) / 1000000 < 1500 || count < 100);
    MUST(setitimer(ITIMER_REAL, &never, NULL));
    msgctl(queue, IPC_RMID, NULL);
    for (int n = 0; n < CALLS; n++) say("%s: %s\n", names[n], interrupted[n] ? "interrupted" : "never interrupted");
    return 0;
}
