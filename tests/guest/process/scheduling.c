// sched_setattr, sched_getattr, sched_setparam, sched_rr_get_interval: policies a user may have, what is refused, reset on fork.
#include "check.h"

struct attr { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; uint32_t min, max; };

int main(void) {
    struct attr a;
    memset(&a, 0x55, sizeof a);
    VALUE(syscall(SYS_sched_getattr, 0, &a, sizeof a, 0));
    say("size %u policy %u flags %lu nice %d priority %u\n", a.size, a.policy, a.flags, a.nice, a.priority);
    VALUE(syscall(SYS_sched_getattr, 0, &a, 48, 0));
    say("size %u\n", a.size);
    VALUE(syscall(SYS_sched_getattr, 0, &a, 40, 0));
    VALUE(syscall(SYS_sched_getattr, 0, &a, sizeof a, 1));
    VALUE(syscall(SYS_sched_getattr, -1, &a, sizeof a, 0));
    VALUE(syscall(SYS_sched_getattr, 0, NULL, sizeof a, 0));
    a = (struct attr){.size = 48, .policy = SCHED_BATCH, .nice = 3, .flags = 1};
    VALUE(syscall(SYS_sched_setattr, 0, &a, 0));
    VALUE(sched_getscheduler(0) == (SCHED_BATCH | SCHED_RESET_ON_FORK));
    VALUE(getpriority(PRIO_PROCESS, 0));
    reap("child", CHILD(VALUE(sched_getscheduler(0)); VALUE(getpriority(PRIO_PROCESS, 0))));
    a.size = 20;
    VALUE(syscall(SYS_sched_setattr, 0, &a, 0));
    say("size %u\n", a.size >= 48);
    a = (struct attr){.size = 48, .policy = 99};
    VALUE(syscall(SYS_sched_setattr, 0, &a, 0));
    a = (struct attr){.size = 48, .policy = SCHED_BATCH, .flags = 1UL << 40};
    VALUE(syscall(SYS_sched_setattr, 0, &a, 0));
    VALUE(syscall(SYS_sched_setattr, 0, &a, 1));
    VALUE(syscall(SYS_sched_setattr, 0, 8, 0));
    struct sched_param p = {0};
    VALUE(sched_setparam(0, &p));
    p.sched_priority = 1;
    VALUE(sched_setparam(0, &p));
    VALUE(sched_setparam(-1, &p));
    VALUE(sched_getparam(0, &p));
    say("priority %d\n", p.sched_priority);
    VALUE(sched_getparam(0, NULL));
    VALUE(sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0}));
    VALUE(sched_getscheduler(0));
    struct timespec t = {-1, -1};
    VALUE(sched_rr_get_interval(0, &t));
    say("interval %d\n", t.tv_sec == 0 && t.tv_nsec >= 0);
    VALUE(sched_rr_get_interval(-1, &t));
    VALUE(sched_rr_get_interval(99999999, &t));
    VALUE(sched_get_priority_max(SCHED_FIFO));
    VALUE(sched_get_priority_min(SCHED_RR));
    VALUE(sched_get_priority_max(99));
}
