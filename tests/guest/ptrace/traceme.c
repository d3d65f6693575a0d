// PTRACE_TRACEME: a stop by raise(2), at exec and by signals, registers and memory of the program that was executed.
#include "trace.h"

__attribute__((used)) static volatile long word = 0x1122334455667788;

int main(int argc, char **argv) {
    if (argc > 1) {
        raise(SIGUSR1);
        return word == 77 ? 5 : 6;
    }
    pid_t p = CHILD(
        TRACE(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        again("x"));
    wait_for("raise", p);
    struct user_regs_struct r = regs_of(p);
    say("orig_rax %ld, rax %ld, cs %#llx, ss %#llx\n", (long)r.orig_rax, (long)r.rax, r.cs, r.ss);
    TRACE(PTRACE_CONT, p, 0, 0);
    wait_for("exec", p);
    r = regs_of(p);
    say("orig_rax %ld, rax %ld, rbx %ld, rdi %ld, eflags %#llx\n", (long)r.orig_rax, (long)r.rax, (long)r.rbx, (long)r.rdi, r.eflags);
    say("argc %ld\n", TRACE(PTRACE_PEEKDATA, p, r.rsp, 0));
    say("stack aligned: %d\n", r.rsp % 16 == 0);
    say("rip by PEEKUSER: %d\n", (unsigned long)TRACE(PTRACE_PEEKUSR, p, offsetof(struct user, regs.rip), 0) == r.rip);
    TRACE(PTRACE_CONT, p, 0, 0);
    wait_for("signal", p);
    say("word %#lx\n", TRACE(PTRACE_PEEKDATA, p, &word, 0));
    TRACE(PTRACE_POKEDATA, p, &word, 77);
    say("word %ld\n", TRACE(PTRACE_PEEKTEXT, p, &word, 0));
    say("nowhere: %s\n", trace(PTRACE_PEEKDATA, p, 8, 0) == -1 ? error_name(errno) : "works");
    TRACE(PTRACE_CONT, p, 0, 0);
    wait_for("end", p);
    VALUE(trace(PTRACE_CONT, p, 0, 0));
    VALUE(trace(PTRACE_CONT, 1, 0, 0));
}
// qemu-user: has no ptrace
