// FUTEX_CMP_REQUEUE, FUTEX_REQUEUE, FUTEX_WAKE_OP, FUTEX_WAIT_BITSET: counts of those woken and moved, values compared, errors.
#include "check.h"
#include <linux/futex.h>

static uint32_t a, b, mine;
static long f(uint32_t *u, int op, uint32_t v, long t, uint32_t *u2, uint32_t v3) { return syscall(SYS_futex, u, op, v, t, u2, v3); }
static atomic_int ids[4];
static void *waits(void *x) {
    ids[(long)x] = syscall(SYS_gettid);
    while (f(&a, FUTEX_WAIT, 0, 0, NULL, 0) == -1 && errno == EINTR) {}
    return NULL;
}

int main(void) {
    pthread_t t[4];
    for (long n = 0; n < 4; n++) {
        pthread_create(&t[n], NULL, waits, (void *)n);
        while (!ids[n]) usleep(100);
        until_asleep(ids[n]);
    }
    VALUE(f(&a, FUTEX_CMP_REQUEUE, 1, 2, &b, 7));
    VALUE(f(&a, FUTEX_CMP_REQUEUE, 1, 2, &b, 0));
    VALUE(f(&b, FUTEX_WAKE, 1, 0, NULL, 0));
    VALUE(f(&a, FUTEX_REQUEUE, 0, 5, &b, 0));
    // Adds 5 to b and wakes there if it was 0.
    VALUE(f(&a, FUTEX_WAKE_OP, 1, 5, &b, FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 0)));
    VALUE(b);
    for (int n = 0; n < 4; n++) pthread_join(t[n], NULL);
    VALUE(f(&a, FUTEX_WAKE_OP, 1, 1, &b, FUTEX_OP(FUTEX_OP_XOR, 3, FUTEX_OP_CMP_GT, 9)));
    VALUE(b);
    VALUE(f(&a, FUTEX_WAKE_OP, 1, 1, (void *)8, FUTEX_OP(FUTEX_OP_SET, 3, FUTEX_OP_CMP_GT, 9)));
    VALUE(f(&a, FUTEX_WAKE_OP, 1, 1, &b, 0xf0000000));
    struct timespec soon = {0, 1000000}, bad = {0, -1}, past = {1, 0};
    VALUE(f(&mine, FUTEX_WAIT_BITSET, 0, 0, NULL, 0));
    VALUE(f(&mine, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, (long)&past, NULL, 5));
    VALUE(f(&mine, FUTEX_WAIT_BITSET, 0, (long)&past, NULL, 5));
    VALUE(f(&mine, FUTEX_WAIT, 0, (long)&soon, NULL, 0));
    VALUE(f(&mine, FUTEX_WAIT, 0, (long)&bad, NULL, 0));
    VALUE(f(&mine, FUTEX_WAIT, 1, (long)&soon, NULL, 0));
    VALUE(f(&mine, FUTEX_WAIT, 0, 8, NULL, 0));
    VALUE(f((void *)8, FUTEX_WAIT, 0, (long)&soon, NULL, 0));
    VALUE(f((void *)((char *)&mine + 1), FUTEX_WAKE, 0, 0, NULL, 0));
    VALUE(f(&mine, FUTEX_WAKE_BITSET, 1, 0, NULL, 0));
    VALUE(f(&mine, 77, 1, 0, NULL, 0));
    VALUE(f(&mine, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, 0, NULL, 0));
}
