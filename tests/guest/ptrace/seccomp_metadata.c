// qemu-user: has no ptrace
// PTRACE_SECCOMP_GET_METADATA: which filters log; PTRACE_O_SUSPEND_SECCOMP needs a right.
#include "trace.h"
#include "../seccomp/filter.h"
#include <linux/capability.h>

struct metadata { uint64_t filter, flags; };

static void ask(pid_t p, uint64_t filter, unsigned long size) {
    struct metadata m = {filter, 77};
    errno = 0;
    long r = trace(0x420d, p, size, (unsigned long)&m);
    say("%lld of %lu: %ld %s, %lld %lld\n", (long long)filter, size, r, error_name(errno), (long long)m.filter, (long long)m.flags);
}

int main(void) {
    int fds[2];
    MUST(pipe(fds));
    for (int filters = 2; filters >= 0; filters -= 2) {
        pid_t p = CHILD(
            no_new_privs();
            if (filters) {
                MUST(INSTALL_WITH(SECCOMP_FILTER_FLAG_LOG, RETURN(SECCOMP_RET_ALLOW)));
                MUST(INSTALL(RETURN(SECCOMP_RET_ALLOW)));
            }
            write(fds[1], "", 1); for (;;) pause());
        char c;
        MUST(read(fds[0], &c, 1));
        TRACE(PTRACE_ATTACH, p, 0, 0);
        wait_for("child", p);
        ask(p, 0, 16);
        ask(p, 1, 16);
        ask(p, 2, 16);
        ask(p, 0, 100);
        ask(p, 1, 8);
        ask(p, 0, 7);
        kill(p, SIGKILL);
        wait_for("child", p);
    }
    reap("without the right", CHILD(
        int fds[2];
        char c;
        MUST(pipe(fds));
        pid_t p = CHILD(write(fds[1], "", 1); for (;;) pause());
        MUST(read(fds[0], &c, 1));
        struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
        struct __user_cap_data_struct d[2];
        MUST(syscall(SYS_capget, &h, d));
        d[0].effective &= ~(1u << CAP_SYS_ADMIN);
        MUST(syscall(SYS_capset, &h, d));
        VALUE(trace(PTRACE_SEIZE, p, 0, 1 << 21));
        TRACE(PTRACE_ATTACH, p, 0, 0);
        wait_for("child", p);
        VALUE(trace(PTRACE_SETOPTIONS, p, 0, 1 << 21));
        ask(p, 0, 16);
        kill(p, SIGKILL)));
}
