// POSIX message queues by their calls: order by priority, attributes, sizes, timeouts, names.
#include "check.h"
#include <mqueue.h>
// qemu-user: opens queues by the C library, which wants other names

int main(void) {
    char name[64], b[128];
    unsigned prio;
    struct mq_attr a = {.mq_maxmsg = 3, .mq_msgsize = 16}, o;
    snprintf(name, sizeof name, "felix-calls-%d", getpid());
    int q = syscall(SYS_mq_open, name, O_CREAT | O_EXCL | O_RDWR, 0600, &a);
    if (q < 0) { say("%s\n", error_name(errno)); return 0; }
    VALUE(syscall(SYS_mq_open, name, O_CREAT | O_EXCL | O_RDWR, 0600, &a));
    VALUE(syscall(SYS_mq_timedsend, q, "low", 3L, 1, NULL));
    VALUE(syscall(SYS_mq_timedsend, q, "high", 4L, 9, NULL));
    VALUE(syscall(SYS_mq_timedsend, q, "low2", 4L, 1, NULL));
    VALUE(syscall(SYS_mq_getsetattr, q, NULL, &o));
    say("flags %ld max %ld size %ld now %ld\n", o.mq_flags, o.mq_maxmsg, o.mq_msgsize, o.mq_curmsgs);
    struct timespec past = {1, 0}, bad = {0, -1};
    VALUE(syscall(SYS_mq_timedsend, q, "x", 1L, 1, &past));
    VALUE(syscall(SYS_mq_timedsend, q, "x", 1L, 1, &bad));
    VALUE(syscall(SYS_mq_timedsend, q, "x", 17L, 1, &past));
    VALUE(syscall(SYS_mq_timedsend, q, "x", 1L, 32768, &past));
    o.mq_flags = O_NONBLOCK;
    VALUE(syscall(SYS_mq_getsetattr, q, &o, &a));
    VALUE(syscall(SYS_mq_timedsend, q, "x", 1L, 1, NULL));
    VALUE(syscall(SYS_mq_timedreceive, q, b, 15L, &prio, NULL));
    for (int n = 0; n < 3; n++) {
        long r = VALUE(syscall(SYS_mq_timedreceive, q, b, 16L, &prio, NULL));
        if (r > 0) say("%.*s %u\n", (int)r, b, prio);
    }
    VALUE(syscall(SYS_mq_timedreceive, q, b, 16L, &prio, NULL));
    o.mq_flags = 0;
    VALUE(syscall(SYS_mq_getsetattr, q, &o, NULL));
    VALUE(syscall(SYS_mq_timedreceive, q, b, 16L, NULL, &past));
    VALUE(syscall(SYS_mq_timedsend, q, 8, 3L, 1, NULL));
    struct pollfd f = {q, POLLIN | POLLOUT, 0};
    VALUE(poll(&f, 1, 0));
    say("revents %#x\n", f.revents);
    o.mq_flags = 1;
    VALUE(syscall(SYS_mq_getsetattr, q, &o, NULL));
    VALUE(syscall(SYS_mq_unlink, name));
    VALUE(syscall(SYS_mq_unlink, name));
    VALUE(syscall(SYS_mq_open, "a/b", O_CREAT | O_RDWR, 0600, NULL));
    VALUE(syscall(SYS_mq_open, "", O_CREAT | O_RDWR, 0600, NULL));
    VALUE(syscall(SYS_mq_timedsend, 1, "x", 1L, 1, NULL));
}
