// sched_getaffinity and its kin, scheduler policies, priorities, getcpu, membarrier, ioprio.
#include "check.h"
int main(void) {
    unsigned long set[16] = {};
    VALUE(syscall(SYS_sched_getaffinity, 0, 4, set));
    VALUE(syscall(SYS_sched_getaffinity, 0, 7, set));
    VALUE(syscall(SYS_sched_getaffinity, 0, 128, set) % 8);
    VALUE(__builtin_popcountl(set[0]) == sysconf(_SC_NPROCESSORS_ONLN));
    VALUE(syscall(SYS_sched_getaffinity, 0x3ffffff, 128, set));
    unsigned long one = set[0] & -set[0], none = 0;
    VALUE(syscall(SYS_sched_setaffinity, 0, 8, &one));
    VALUE(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
    unsigned cpu = 99, node = 99;
    VALUE(syscall(SYS_getcpu, &cpu, &node, NULL));
    say("the one %d\n", 1UL << cpu == one);
    VALUE(syscall(SYS_sched_setaffinity, 0, 8, &none));
    VALUE(sched_getscheduler(0));
    struct sched_param p = {5};
    VALUE(sched_getparam(0, &p));
    VALUE(p.sched_priority);
    VALUE(sched_get_priority_max(SCHED_FIFO));
    VALUE(sched_get_priority_min(SCHED_FIFO));
    VALUE(sched_get_priority_max(77));
    p.sched_priority = 200;
    VALUE(sched_setscheduler(0, SCHED_FIFO, &p));
    p.sched_priority = 0;
    VALUE(sched_setscheduler(0, SCHED_BATCH, &p));
    VALUE(sched_getscheduler(0));
    VALUE(setpriority(PRIO_PROCESS, 0, 7));
    VALUE(getpriority(PRIO_PROCESS, 0));
    VALUE(syscall(SYS_getpriority, PRIO_PROCESS, 0));
    VALUE(getpriority(9, 0));
    VALUE(syscall(SYS_membarrier, 77777, 0, 0));
    VALUE(syscall(SYS_membarrier, 0, 0, 0) > 0);
    VALUE(syscall(SYS_membarrier, 8, 0, 0));
    VALUE(syscall(SYS_membarrier, 16, 0, 0));
    VALUE(syscall(SYS_membarrier, 8, 0, 0));
    VALUE(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 4));
    VALUE(syscall(SYS_ioprio_get, 1, 0));
    VALUE(sched_yield());
}
