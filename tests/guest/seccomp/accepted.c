// seccomp(2): which filters are accepted, and in which order what is wrong is noticed.
#include "check.h"
#include "filter.h"

static int install(const struct sock_filter *code, int n) {
    struct sock_fprog p = {n, (void *)code};
    errno = 0;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p);
}

#define TRY(...) ({ struct sock_filter c[] = {__VA_ARGS__}; pid_t p_ = CHILD( \
    install(c, sizeof c / sizeof *c); say("%s: %s\n", #__VA_ARGS__, error_name(errno))); waitpid(p_, NULL, 0); })

int main(void) {
    no_new_privs();
    struct sock_filter allow = RETURN(SECCOMP_RET_ALLOW);
    struct sock_fprog p = {1, (void *)8};
    VALUE(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p));
    p.len = 0;
    VALUE(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p));
    p.len = 4097;
    VALUE(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p));
    p = (struct sock_fprog){1, NULL};
    VALUE(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p));
    VALUE(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL));
    VALUE(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 64, &p));
    VALUE(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_NEW_LISTENER, &p));
    VALUE(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &p));
    VALUE(syscall(SYS_seccomp, 77, 0, NULL));
    VALUE(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL));
    VALUE(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, &p));
    VALUE(prctl(PR_SET_SECCOMP, 3, 0));
    VALUE(prctl(PR_SET_SECCOMP, 0, 0));
    VALUE(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL));
    // A program that runs over the end of what is mapped.
    char *page = map_pages(2, PROT_READ | PROT_WRITE);
    MUST(munmap(page + PAGE, PAGE));
    memcpy(page + PAGE - 8, &allow, 8);
    VALUE(install((void *)(page + PAGE - 8), 2));
    reap("one", CHILD(VALUE(install((void *)(page + PAGE - 8), 1)); VALUE(prctl(PR_GET_SECCOMP))));
    reap("4096", CHILD(
        struct sock_filter many[4096];
        for (int i = 0; i < 4096; i++) many[i] = allow;
        VALUE(install(many, 4096))));

    TRY(LOAD(60), RETURN(SECCOMP_RET_ALLOW));
    TRY(LOAD(64), RETURN(0));
    TRY(LOAD(2), RETURN(0));
    TRY(LOAD(0xfffff000), RETURN(0));
    TRY(BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), RETURN(0));
    TRY(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), RETURN(0));
    TRY(BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), RETURN(0));
    TRY(BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), RETURN(0));
    TRY(BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_RET | BPF_A, 0), RETURN(SECCOMP_RET_ALLOW));
    TRY(BPF_STMT(BPF_LD | BPF_IMM, 0), RETURN(SECCOMP_RET_ALLOW), LOAD(0));
    TRY(BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RETURN(0));
    TRY(BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 1), RETURN(SECCOMP_RET_ALLOW));
    TRY(BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), RETURN(0));
    TRY(BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RETURN(0));
    TRY(BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 31), RETURN(SECCOMP_RET_ALLOW));
    TRY(BPF_STMT(BPF_ALU | BPF_NEG, 0), RETURN(SECCOMP_RET_ALLOW));
    TRY(BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0), RETURN(SECCOMP_RET_ALLOW));
    TRY(BPF_STMT(BPF_ST, 15), BPF_STMT(BPF_LD | BPF_MEM, 15), RETURN(SECCOMP_RET_ALLOW));
    TRY(BPF_STMT(BPF_ST, 16), RETURN(0));
    TRY(BPF_STMT(BPF_LD | BPF_MEM, 0), RETURN(0));
    TRY(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), BPF_STMT(BPF_ST, 2), BPF_STMT(BPF_LDX | BPF_MEM, 2), RETURN(0));
    TRY(BPF_STMT(BPF_JMP | BPF_JA, 1), RETURN(0));
    TRY(BPF_STMT(BPF_JMP | BPF_JA, 0), RETURN(SECCOMP_RET_ALLOW));
    TRY(BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff), RETURN(0));
    TRY(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 0, 1, 0), RETURN(0));
    TRY(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_X, 0, 0, 1), RETURN(0));
    TRY(BPF_STMT(BPF_RET | BPF_X, 0));
    TRY(BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_MISC | BPF_TXA, 0), RETURN(SECCOMP_RET_ALLOW));
    TRY(BPF_STMT(0x120, 0), RETURN(0));
    TRY(BPF_STMT(0xffff, 0), RETURN(0));
}
