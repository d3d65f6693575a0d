// seccomp(2): what may be asked: actions, sizes; the mode.
#include "check.h"
#include "filter.h"

int main(void) {
    unsigned actions[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO, SECCOMP_RET_USER_NOTIF,
        SECCOMP_RET_TRACE, SECCOMP_RET_LOG, SECCOMP_RET_ALLOW, 1, 0x7ffd0000, SECCOMP_RET_ERRNO | 1};
    for (unsigned i = 0; i < sizeof actions / sizeof *actions; i++) {
        say("%#x: ", actions[i]);
        VALUE(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &actions[i]));
    }
    VALUE(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 1, &actions[0]));
    VALUE(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, NULL));
    struct seccomp_notif_sizes s = {0};
    VALUE(syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &s));
    say("%d %d %d\n", s.seccomp_notif, s.seccomp_notif_resp, s.seccomp_data);
    VALUE(syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 1, &s));
    VALUE(syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, NULL));
    VALUE(prctl(PR_GET_SECCOMP));
}
