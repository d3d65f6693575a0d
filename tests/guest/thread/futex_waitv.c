// futex_waitv(2) and the newer futex calls.
#include "check.h"
struct waiter { uint64_t val, uaddr; uint32_t flags, reserved; };
static _Atomic uint32_t words[3];
static void *wakes(void *x) { pause_ms(20); words[1] = 1; syscall(SYS_futex, &words[1], 1 | 128, 1, NULL, NULL, 0); return x; }
int main(void) {
    struct waiter w[3];
    for (int n = 0; n < 3; n++) w[n] = (struct waiter){0, (long)&words[n], 2 | 128, 0};
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    VALUE(syscall(449, w, 3, 0, &t, CLOCK_MONOTONIC));
    t.tv_sec += 10;
    pthread_t p;
    pthread_create(&p, NULL, wakes, NULL);
    long r = syscall(449, w, 3, 0, &t, CLOCK_MONOTONIC);
    say("%s\n", r == 1 ? "second woke" : r == -1 ? error_name(errno) : "odd");
    pthread_join(p, NULL);
    VALUE(syscall(449, w, 3, 0, &t, CLOCK_MONOTONIC));
    VALUE(syscall(449, w, 0, 0, &t, CLOCK_MONOTONIC));
    VALUE(syscall(449, w, 3, 1, &t, CLOCK_MONOTONIC));
    VALUE(syscall(449, 8, 3, 0, &t, CLOCK_MONOTONIC));
    w[0].reserved = 1;
    VALUE(syscall(449, w, 3, 0, &t, CLOCK_MONOTONIC));
}
// qemu-user: has no futex_waitv
