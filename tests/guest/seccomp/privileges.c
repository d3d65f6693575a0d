// seccomp(2): a filter needs no_new_privs or CAP_SYS_ADMIN; strict mode needs nothing.
#include "check.h"
#include "filter.h"

int main(void) {
    reap("child", CHILD(
        if (getuid() == 0) MUST(setresuid(12345, 12345, 12345));
        VALUE(INSTALL(RETURN(SECCOMP_RET_ALLOW)));
        // The program is looked at only then.
        VALUE(INSTALL(BPF_STMT(0xffff, 0)));
        struct sock_fprog none = {0, NULL};
        VALUE(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &none));
        no_new_privs();
        VALUE(INSTALL(BPF_STMT(0xffff, 0)));
        VALUE(INSTALL(RETURN(SECCOMP_RET_ALLOW)));
        VALUE(prctl(PR_GET_SECCOMP));
        VALUE(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
        VALUE(INSTALL_WITH(SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW, RETURN(SECCOMP_RET_ALLOW)));
        say_seccomp("child", "/proc/self/status")));
    say_seccomp("parent", "/proc/self/status");
}
