// PTRACE_SYSCALL: begin and end of calls, PTRACE_GET_SYSCALL_INFO, a call made another one, skipped, its result changed.
#include "trace.h"

static void info_of(pid_t p) {
    struct ptrace_syscall_info i = {0};
    long n = TRACE(PTRACE_GET_SYSCALL_INFO, p, sizeof i, &i);
    if (i.op == PTRACE_SYSCALL_INFO_ENTRY) {
        int known = i.entry.nr == SYS_lseek;
        say("  %ld bytes, arch %#x, entry of %lld (%d, %d, %d)\n", n, i.arch, (long long)i.entry.nr, known ? (int)i.entry.args[0] : 0,
            known ? (int)i.entry.args[1] : 0, known ? (int)i.entry.args[2] : 0);
    } else if (i.op == PTRACE_SYSCALL_INFO_EXIT) {
        say("  %ld bytes, exit with %lld, error %d\n", n, i.exit.is_error ? (long long)i.exit.rval : 0, i.exit.is_error);
    } else say("  %ld bytes, op %d\n", n, i.op);
}

int main(void) {
    pid_t p = CHILD(
        TRACE(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        long r = syscall(SYS_getppid);
        say("getppid: %s\n", r == getpid() ? "getpid" : "getppid");
        r = syscall(SYS_close, 77);
        say("close: %ld %s\n", r, error_name(errno));
        r = syscall(SYS_close, 78);
        say("close: %ld\n", r);
        r = syscall(SYS_close, 79);
        say("close: %ld %s\n", r, error_name(errno));
        r = syscall(SYS_lseek, 99, 1, 2);
        say("lseek: %ld\n", r);
        _exit(3));
    wait_for("child", p);
    info_of(p);
    TRACE(PTRACE_SETOPTIONS, p, 0, PTRACE_O_TRACESYSGOOD);
    int status = 0;
    for (int n = 0; n < 200; n++) {
        TRACE(PTRACE_SYSCALL, p, 0, 0);
        MUST(waitpid(p, &status, 0));
        if (!WIFSTOPPED(status)) break;
        struct user_regs_struct r = regs_of(p);
        unsigned long message = 0;
        TRACE(PTRACE_GETEVENTMSG, p, 0, &message);
        static int inside = 1;
        inside = message == 1;
        long nr = r.orig_rax;
        if (nr != SYS_getppid && nr != SYS_close && nr != SYS_lseek && nr != SYS_exit_group) continue;
        say_stop("call", status);
        say("  %s of %ld, rax %ld\n", inside ? "begin" : "end", nr, inside || (long)r.rax < 0 ? (long)r.rax : 0);
        info_of(p);
        siginfo_t info;
        TRACE(PTRACE_GETSIGINFO, p, 0, &info);
        say("  signo %d code %#x pid %d\n", info.si_signo, info.si_code, info.si_pid == p);
        if (inside && nr == SYS_getppid) { r.orig_rax = SYS_getpid; TRACE(PTRACE_SETREGS, p, 0, &r); }
        // Of numbers that are not there -1 alone leaves the result to the tracer.
        if (inside && nr == SYS_close && r.rdi == 79) { r.orig_rax = -6, r.rax = 1234; TRACE(PTRACE_SETREGS, p, 0, &r); }
        if (inside && nr == SYS_close && r.rdi == 78) { TRACE(PTRACE_POKEUSR, p, offsetof(struct user, regs.orig_rax), -1); TRACE(PTRACE_POKEUSR, p, offsetof(struct user, regs.rax), 1234); }
        if (!inside && nr == SYS_lseek) { r.rax = 4321; TRACE(PTRACE_SETREGS, p, 0, &r); }
    }
    say_stop("end", status);
}
// qemu-user: has no ptrace
