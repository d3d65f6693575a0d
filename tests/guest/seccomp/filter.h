/* What the tests of seccomp(2) share: small programs of classic BPF. Included after check.h. */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#define NR offsetof(struct seccomp_data, nr)
#define ARGUMENT(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#define RETURN(k) BPF_STMT(BPF_RET | BPF_K, (k))
#define LOAD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (at))
/* If the call is this one, the result is k. The number is in A. */
#define ON(nr, k) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), RETURN(k)

#define INSTALL_WITH(flags, ...) ({ struct sock_filter code_[] = {__VA_ARGS__}; \
    struct sock_fprog program_ = {sizeof code_ / sizeof *code_, code_}; \
    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, (flags), &program_); })
#define INSTALL(...) INSTALL_WITH(0, __VA_ARGS__)

UNUSED static void no_new_privs(void) { MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }

/* The lines of a status file that are about seccomp. */
UNUSED static void say_seccomp(const char *who, const char *path) {
    char text[8192];
    file_text(path, text, sizeof text);
    for (char *l = strtok(text, "\n"); l; l = strtok(NULL, "\n"))
        if (!strncmp(l, "Seccomp", 7) || !strncmp(l, "NoNewPrivs", 10)) say("%s: %s\n", who, l);
}
