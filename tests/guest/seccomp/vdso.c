// seccomp(2): what the vDSO answers is no call; the same by a call is.
#include "check.h"
#include "filter.h"

int main(void) {
    struct timespec t, first;
    clock_gettime(CLOCK_MONOTONIC, &first);
    no_new_privs();
    MUST(INSTALL(LOAD(NR), ON(SYS_clock_gettime, SECCOMP_RET_ERRNO | EXDEV), ON(SYS_gettimeofday, SECCOMP_RET_ERRNO | EXDEV),
        ON(SYS_time, SECCOMP_RET_ERRNO | EXDEV), ON(SYS_getcpu, SECCOMP_RET_ERRNO | EXDEV), RETURN(SECCOMP_RET_ALLOW)));
    VALUE(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t));
    VALUE(syscall(SYS_time, NULL));
    t.tv_sec = 0;
    VALUE(clock_gettime(CLOCK_MONOTONIC, &t));
    VALUE(t.tv_sec >= first.tv_sec && t.tv_sec > 0);
    struct timeval v;
    VALUE(gettimeofday(&v, NULL));
}
