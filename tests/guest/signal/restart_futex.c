// qemu-user: has no futex_wait
// Waits for futexes that a handled signal interrupts, without SA_RESTART and with it: which are made again is up to the call.
#include "interrupted.h"
#include <linux/futex.h>

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

static uint32_t *word;
static struct timespec at;

static struct timespec *in(int clock, int ms) {
    if (clock == -1) at = (struct timespec){0, 0};
    else MUST(clock_gettime(clock, &at));
    at.tv_nsec += ms * 1000000L;
    at.tv_sec += at.tv_nsec / 1000000000, at.tv_nsec %= 1000000000;
    return &at;
}

static long futex(int op, uint32_t value, struct timespec *until, uint32_t *other) {
    return syscall(SYS_futex, word, op, value, until, other, FUTEX_BITSET_MATCH_ANY);
}

static void all(void) {
    struct { uint64_t value, at; uint32_t flags, zero; } v = {0, (uintptr_t)word, 2, 0};
    INTERRUPTED("FUTEX_WAIT", futex(FUTEX_WAKE, 1, NULL, NULL), futex(FUTEX_WAIT, 0, NULL, NULL));
    INTERRUPTED("FUTEX_WAIT, relative", (void)0, futex(FUTEX_WAIT, 0, in(-1, 300), NULL));
    INTERRUPTED("FUTEX_WAIT_BITSET", (void)0, futex(FUTEX_WAIT_BITSET, 0, in(CLOCK_MONOTONIC, 300), NULL));
    INTERRUPTED("FUTEX_WAIT_REQUEUE_PI", (void)0, futex(FUTEX_WAIT_REQUEUE_PI | FUTEX_CLOCK_REALTIME, 0, in(CLOCK_REALTIME, 300), word + 1));
    INTERRUPTED("futex_waitv", (void)0, syscall(449, &v, 1, 0, in(CLOCK_MONOTONIC, 300), CLOCK_MONOTONIC));
    INTERRUPTED("futex_wait", (void)0, syscall(455, word, 0UL, ~0U, 2, in(CLOCK_MONOTONIC, 300), CLOCK_MONOTONIC));
    pid_t owner = CHILD(pause());
    *word = owner;
    INTERRUPTED("FUTEX_LOCK_PI", (void)0, futex(FUTEX_LOCK_PI, 0, in(CLOCK_REALTIME, 300), NULL));
    INTERRUPTED("FUTEX_LOCK_PI2", (void)0, futex(FUTEX_LOCK_PI2, 0, in(CLOCK_MONOTONIC, 300), NULL));
    kill(owner, SIGKILL);
    while (waitpid(owner, NULL, 0) == -1 && errno == EINTR) {}
    *word = 0;
}

int main(void) {
    parent = getpid();
    word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    TRUE(word != MAP_FAILED);
    handle_with(SIGUSR1, handler, 0);
    all();
    say("SA_RESTART\n");
    handle_with(SIGUSR1, handler, SA_RESTART);
    all();
}
