// futex(2): wait, wake, bitset, requeue, wake_op, timeouts and errors.
#include "check.h"
#include <linux/futex.h>
static _Atomic uint32_t word, other;
static volatile int woken;
static struct gate g;
static long futex(void *u, int op, uint32_t v, void *t, void *u2, uint32_t v3) { return syscall(SYS_futex, u, op, v, t, u2, v3); }
static void *waiter(void *x) {
    gate_open(g);
    long r = x ? futex(&word, FUTEX_WAIT_BITSET | 128, 0, NULL, NULL, (long)x) : futex(&word, FUTEX_WAIT | 128, 0, NULL, NULL, 0);
    if (r == 0) __sync_fetch_and_add(&woken, 1);
    return NULL;
}
int main(void) {
    g = gate_make();
    struct timespec t = {0, 1000000}, bad = {0, 1000000000};
    VALUE(futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0));
    VALUE(futex(&word, FUTEX_WAIT, 0, &t, NULL, 0));
    VALUE(futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0));
    VALUE(futex((char *)&word + 1, FUTEX_WAIT, 0, &t, NULL, 0));
    VALUE(futex((void *)8, FUTEX_WAIT, 0, &t, NULL, 0));
    VALUE(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
    VALUE(futex(&word, 99, 1, NULL, NULL, 0));
    VALUE(futex(&word, FUTEX_WAIT_BITSET, 0, &t, NULL, 0));
    VALUE(futex(&word, FUTEX_WAIT_BITSET, 0, &t, NULL, 1));
    pthread_t p[6];
    for (long n = 0; n < 6; n++) { pthread_create(&p[n], NULL, waiter, (void *)(n < 3 ? 0 : 1L << n)); gate_wait(g); }
    pause_ms(60);
    VALUE(futex(&word, FUTEX_WAKE_BITSET | 128, 9, NULL, NULL, 16));
    while (woken < 2) usleep(500);
    VALUE(futex(&word, FUTEX_CMP_REQUEUE | 128, 1, (void *)2L, &other, 5));
    long moved = 0, tries = 0;
    moved = futex(&word, FUTEX_CMP_REQUEUE | 128, 0, (void *)9L, &other, 0);
    say("moved and woken together: %ld\n", moved);
    VALUE(futex(&other, FUTEX_WAKE | 128, 9, NULL, NULL, 0) >= 1);
    while (woken < 6 && tries++ < 100) { futex(&word, FUTEX_WAKE | 128, 9, NULL, NULL, 0); futex(&other, FUTEX_WAKE | 128, 9, NULL, NULL, 0); usleep(1000); }
    for (int n = 0; n < 6; n++) pthread_join(p[n], NULL);
    VALUE(woken);
    VALUE(futex(&word, FUTEX_WAKE_OP | 128, 1, (void *)1L, &other, FUTEX_OP(FUTEX_OP_ADD, 7, FUTEX_OP_CMP_EQ, 0)));
    VALUE(other);
}
