// A lock in shared memory between processes: atomics, futexes without the private flag, counts that come out right.
#include "check.h"
int main(void) {
    struct { _Atomic int lock, waiters; int count; } *m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t p[4];
    for (int k = 0; k < 4; k++) p[k] = CHILD(
        for (int n = 0; n < 2000; n++) {
            int free_ = 0;
            while (!atomic_compare_exchange_strong(&m->lock, &free_, 1)) {
                m->waiters++;
                syscall(SYS_futex, &m->lock, 0, 1, NULL, NULL, 0);
                m->waiters--;
                free_ = 0;
            }
            m->count++;
            m->lock = 0;
            if (m->waiters) syscall(SYS_futex, &m->lock, 1, 1, NULL, NULL, 0);
        });
    for (int k = 0; k < 4; k++) reap("child", p[k]);
    say("count %d\n", m->count);
}
