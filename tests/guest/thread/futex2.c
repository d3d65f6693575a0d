// futex_wait, futex_wake, futex_requeue (the calls of their own): values, masks, sizes, flags.
#include "check.h"
// qemu-user: does not know them

static uint32_t word, second;
static atomic_int tid;
static void *waits(void *x) {
    tid = syscall(SYS_gettid);
    long r = syscall(455, &word, 0L, 0xffffffffL, 2 | 128, NULL, 0);
    (void)r;
    return x;
}
struct waitv { uint64_t val, uaddr; uint32_t flags, reserved; };

int main(void) {
    pthread_t t;
    struct timespec past = {1, 0};
    if (syscall(454, &word, 0xffffffffL, 1, 2) == -1) { say("futex_wake: %s\n", error_name(errno)); return 0; }
    pthread_create(&t, NULL, waits, NULL);
    while (!tid) usleep(100);
    until_asleep(tid);
    VALUE(syscall(454, &word, 0xffffffffL, 1, 2 | 128));
    pthread_join(t, NULL);
    VALUE(syscall(454, &word, 0L, 1, 2 | 128));
    VALUE(syscall(454, &word, 1L, 1, 77));
    VALUE(syscall(454, 8, 1L, 1, 2 | 128));
    VALUE(syscall(454, (char *)&word + 1, 1L, 1, 2));
    VALUE(syscall(455, &word, 1L, 1L, 2 | 128, NULL, 0));
    VALUE(syscall(455, &word, 0L, 1L, 2 | 128, &past, CLOCK_MONOTONIC));
    VALUE(syscall(455, &word, 0L, 1L, 2 | 128, &past, 99));
    VALUE(syscall(455, &word, 0L, 0L, 2 | 128, NULL, 0));
    VALUE(syscall(455, &word, 1L << 32, 1L, 2 | 128, NULL, 0));
    tid = 0;
    pthread_create(&t, NULL, waits, NULL);
    while (!tid) usleep(100);
    until_asleep(tid);
    struct waitv v[2] = {{0, (long)&word, 2 | 128, 0}, {0, (long)&second, 2 | 128, 0}};
    VALUE(syscall(456, v, 1, 0, 1));
    v[0].val = 5;
    VALUE(syscall(456, v, 0, 0, 1));
    v[0].val = 0;
    VALUE(syscall(456, v, 0, 0, 1));
    VALUE(syscall(454, &second, 0xffffffffL, 1, 2 | 128));
    pthread_join(t, NULL);
}
