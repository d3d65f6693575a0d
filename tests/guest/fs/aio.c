// qemu-user: has no asynchronous I/O
// Asynchronous I/O (io_submit(2)): reads, writes, vectors, fsync, poll, an eventfd that is told, errors, time limits, signals.
#include "check.h"
#include <linux/aio_abi.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

static aio_context_t ctx;
static long submit(long n, struct iocb **list) { return syscall(SYS_io_submit, ctx, n, list); }
static long events(long least, long most, struct io_event *e, long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    return syscall(SYS_io_getevents, ctx, least, most, e, &t);
}
static struct iocb request(int op, int fd, void *buf, size_t n, long offset) {
    static int count;
    return (struct iocb){.aio_data = 100 + count++, .aio_lio_opcode = op, .aio_fildes = fd, .aio_buf = (uintptr_t)buf, .aio_nbytes = n, .aio_offset = offset};
}
static struct io_event got[8];
static void one(const char *what, struct iocb r) {
    struct iocb *list[] = {&r};
    errno = 0;
    long n = submit(1, list);
    say("%s: submitted %ld %s", what, n, n < 0 ? strerror(errno) : "");
    if (n == 1) {
        n = events(1, 1, got, 5000);
        say(", %ld event: of it %d, data %lld, result %lld", n, got[0].obj == (uintptr_t)&r, got[0].data, got[0].res);
    }
    say("\n");
}
static void handler(int sig) { (void)sig; }
static int ring_in_maps(void) {
    char line[512];
    int found = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, f)) if (strstr(line, "/[aio]")) found += strtoul(line, NULL, 16) == ctx && strstr(line, " rw-s 00000000 ");
    fclose(f);
    return found;
}

int main(void) {
    VALUE(syscall(SYS_io_setup, 0, &ctx));
    VALUE(syscall(SYS_io_setup, 4, NULL));
    ctx = 1;
    VALUE(syscall(SYS_io_setup, 4, &ctx));
    ctx = 0;
    VALUE(syscall(SYS_io_setup, 100, &ctx));
    say("ring in maps %d\n", ring_in_maps());
    int fd = MUST(open("file", O_CREAT | O_RDWR | O_TRUNC, 0600));
    char out[8192], in[8192] = "";
    for (int i = 0; i < 8192; i++) out[i] = 'a' + i % 26;
    one("write", request(IOCB_CMD_PWRITE, fd, out, sizeof out, 0));
    one("read", request(IOCB_CMD_PREAD, fd, in, sizeof in, 0));
    say("same %d\n", !memcmp(in, out, sizeof in));
    one("read behind the end", request(IOCB_CMD_PREAD, fd, in, 100, 8000));
    struct iovec v[2] = {{in, 3}, {in + 10, 4}};
    one("readv", request(IOCB_CMD_PREADV, fd, v, 2, 26));
    say("%.3s %.4s\n", in, in + 10);
    one("writev", request(IOCB_CMD_PWRITEV, fd, v, 2, 9000));
    one("fsync", request(IOCB_CMD_FSYNC, fd, NULL, 0, 0));
    one("noop", request(IOCB_CMD_NOOP, fd, NULL, 0, 0));
    one("no descriptor", request(IOCB_CMD_PREAD, 12345, in, 1, 0));
    one("no such command", request(77, fd, in, 1, 0));
    one("bad buffer", request(IOCB_CMD_PREAD, fd, (void *)8, 10, 0));
    one("not open for writing", request(IOCB_CMD_PWRITE, MUST(open("file", O_RDONLY)), in, 10, 0));

    // Several at once, of which one is wrong; those before it are done.
    struct iocb a = request(IOCB_CMD_PREAD, fd, in, 10, 0), b = request(IOCB_CMD_PREAD, fd, in + 10, 20, 0), c = request(IOCB_CMD_PREAD, -1, in, 1, 0);
    struct iocb *list[] = {&a, &b, &c, &a};
    VALUE(submit(4, list));
    VALUE(events(2, 8, got, 5000));
    say("results %lld\n", got[0].res + got[1].res);
    struct iocb *holes[] = {&a, (void *)16, &b};
    VALUE(submit(3, holes));
    VALUE(events(1, 8, got, 5000));
    VALUE(submit(1, &holes[1]));
    VALUE(submit(1, (void *)16));
    VALUE(submit(-1, list));
    VALUE(submit(0, list));
    VALUE(events(0, 8, got, 0));
    VALUE(events(1, 8, got, 20));
    VALUE(events(9, 8, got, 20));
    VALUE(events(-1, 8, got, 20));

    // An eventfd is told; a pipe becomes ready to be read.
    int e = MUST(eventfd(0, 0)), p[2];
    MUST(pipe(p));
    a = request(IOCB_CMD_PREAD, fd, in, 10, 0);
    a.aio_flags = IOCB_FLAG_RESFD, a.aio_resfd = e;
    VALUE(submit(1, list));
    uint64_t told = 0;
    read(e, &told, 8);
    say("told %d times\n", (int)told);
    VALUE(events(1, 8, got, 5000));
    a.aio_resfd = fd;
    VALUE(submit(1, list));
    a = request(IOCB_CMD_POLL, p[0], (void *)POLLIN, 0, 0);
    a.aio_nbytes = 0;
    VALUE(submit(1, list));
    VALUE(events(1, 8, got, 20));
    write(p[1], "x", 1);
    VALUE(events(1, 8, got, 5000));
    say("poll %lld\n", got[0].res);

    // A signal ends the wait; a mask keeps it away.
    signal(SIGALRM, handler);
    struct itimerval t = {.it_value = {0, 20000}};
    setitimer(ITIMER_REAL, &t, NULL);
    VALUE(events(1, 8, got, 5000));
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGALRM);
    struct { sigset_t *set; size_t n; } mask = {&set, 8};
    struct timespec at = {0, 60000000};
    setitimer(ITIMER_REAL, &t, NULL);
    VALUE(syscall(SYS_io_pgetevents, ctx, 1L, 8L, got, &at, &mask));
    VALUE(syscall(SYS_io_pgetevents, ctx, 0L, 8L, got, &at, (void *)16));
    mask.n = 7;
    VALUE(syscall(SYS_io_pgetevents, ctx, 0L, 8L, got, &at, &mask));
    VALUE(syscall(SYS_io_cancel, ctx, &a, got));

    reap("child", CHILD(VALUE(events(0, 8, got, 0))));
    aio_context_t gone = ctx;
    VALUE(syscall(SYS_io_destroy, ctx));
    say("ring in maps %d\n", ring_in_maps());
    VALUE(syscall(SYS_io_destroy, gone));
    VALUE(events(0, 8, got, 0));
}
