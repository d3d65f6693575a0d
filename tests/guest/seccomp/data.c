// seccomp(2): what a filter sees of a call: number, architecture, instruction pointer, arguments of 64 bits.
#include "check.h"
#include "filter.h"

static long call(long nr, long a, long b, long c, long d, long e, long f) {
    long r;
    register long r10 asm("r10") = d, r8 asm("r8") = e, r9 asm("r9") = f;
    asm volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return r;
}

// The low 12 bits of a word of the data, as an error.
static void word(const char *name, unsigned at, unsigned shift) {
    pid_t p = CHILD(
        MUST(INSTALL(LOAD(NR), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1000, 1, 0), RETURN(SECCOMP_RET_ALLOW), LOAD(at),
            BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, shift), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xfff),
            BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO), BPF_STMT(BPF_RET | BPF_A, 0)));
        say("%s >> %u: %#lx\n", name, shift, -call(1000, 0x1110000022210aaa, 2, 3, 4, 5, -6)));
    waitpid(p, NULL, 0);
}

int main(void) {
    no_new_privs();
    word("nr", NR, 0);
    word("arch", 4, 0);
    word("arch", 4, 24);
    word("first", ARGUMENT(0), 0);
    word("first", ARGUMENT(0), 16);
    word("first, high", ARGUMENT(0) + 4, 20);
    for (int i = 1; i < 6; i++) word("argument", ARGUMENT(i), 0), word("high", ARGUMENT(i) + 4, 20);
    // The pointer: calls are allowed only from one place.
    extern char here[];
    uint64_t ip = (uint64_t)here;
    reap("pointer", CHILD(
        MUST(INSTALL(LOAD(NR), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 1, 0), RETURN(SECCOMP_RET_ALLOW),
            LOAD(8), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)ip, 0, 3), LOAD(12),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(ip >> 32), 0, 1), RETURN(SECCOMP_RET_ERRNO | EXDEV), RETURN(SECCOMP_RET_ERRNO | EDOM)));
        say("elsewhere %ld\n", call(SYS_getuid, 0, 0, 0, 0, 0, 0));
        long r;
        asm volatile(".globl here\nsyscall\nhere:" : "=a"(r) : "a"(SYS_getuid) : "rcx", "r11", "memory");
        say("here %ld\n", r)));
    // Calculations: division by a register that is 0 ends with 0, shifts count modulo 32.
    reap("division by zero", CHILD(
        MUST(INSTALL(LOAD(NR), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 1, 0), RETURN(SECCOMP_RET_ALLOW),
            BPF_STMT(BPF_LDX | BPF_IMM, 0), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), RETURN(SECCOMP_RET_ALLOW)));
        getuid(); say("after\n")));
    reap("shift by 33", CHILD(
        MUST(INSTALL(LOAD(NR), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 1, 0), RETURN(SECCOMP_RET_ALLOW),
            BPF_STMT(BPF_LDX | BPF_IMM, 33), BPF_STMT(BPF_LD | BPF_IMM, 5), BPF_STMT(BPF_ALU | BPF_LSH | BPF_X, 0),
            BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO), BPF_STMT(BPF_RET | BPF_A, 0)));
        say("%ld\n", call(SYS_getuid, 0, 0, 0, 0, 0, 0))));
}
