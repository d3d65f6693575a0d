// SECCOMP_RET_TRACE: without a tracer ENOSYS; with PTRACE_O_TRACESECCOMP the tracer makes the call another one, skips it,
// lets it be judged again, sees its end.
#include "../ptrace/trace.h"
#include "filter.h"

static void calls(const char *who) {
    long r = syscall(SYS_getppid);
    say("%s: getppid: %s\n", who, r == getpid() ? "getpid" : r == -1 ? error_name(errno) : "getppid");
    errno = 0;
    r = syscall(SYS_close, 77);
    say("%s: close: %ld %s\n", who, r, error_name(errno));
    errno = 0;
    r = syscall(SYS_lseek, 99, 1, 2);
    say("%s: lseek: %ld %s\n", who, r, error_name(errno));
    errno = 0;
    r = syscall(SYS_getuid);
    say("%s: getuid: %ld %s\n", who, r, error_name(errno));
    errno = 0;
    r = syscall(SYS_alarm, 0);
    say("%s: alarm: %ld %s\n", who, r, error_name(errno));
}

static void filters(void) {
    no_new_privs();
    MUST(INSTALL(LOAD(NR), ON(SYS_getppid, SECCOMP_RET_TRACE | 7), ON(SYS_close, SECCOMP_RET_TRACE | 8), ON(SYS_lseek, SECCOMP_RET_TRACE | 0xffff),
                 ON(SYS_getuid, SECCOMP_RET_TRACE), ON(SYS_alarm, SECCOMP_RET_TRACE | 9), ON(SYS_getgid, SECCOMP_RET_ERRNO | EXDEV), RETURN(SECCOMP_RET_ALLOW)));
}

static void traced(unsigned long options) {
    pid_t p = CHILD(
        TRACE(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        filters();
        calls("traced");
        _exit(3));
    int status = wait_for("child", p);
    TRACE(PTRACE_SETOPTIONS, p, 0, options);
    int request = PTRACE_CONT;
    for (int n = 0; n < 200; n++) {
        TRACE(request, p, 0, 0);
        request = PTRACE_CONT;
        MUST(waitpid(p, &status, 0));
        if (!WIFSTOPPED(status)) break;
        say_stop("stop", status);
        struct user_regs_struct r = regs_of(p);
        if (status >> 16 != PTRACE_EVENT_SECCOMP) {
            say("  end of %lld with %lld\n", r.orig_rax, r.rax);
            continue;
        }
        struct ptrace_syscall_info i = {0};
        unsigned long message = 0;
        siginfo_t info;
        TRACE(PTRACE_GETEVENTMSG, p, 0, &message);
        TRACE(PTRACE_GETSIGINFO, p, 0, &info);
        long bytes = TRACE(PTRACE_GET_SYSCALL_INFO, p, sizeof i, &i);
        say("  call %lld, rax %lld, message %lu, code %#x; info of %ld bytes: op %d, call %lld, data %u\n", r.orig_rax, r.rax, message, info.si_code,
            bytes, i.op, (long long)i.seccomp.nr, i.seccomp.ret_data);
        switch (r.orig_rax) {
        case SYS_getppid: r.orig_rax = SYS_getpid; break;
        case SYS_close: r.orig_rax = -1; r.rax = 1234; break;
        case SYS_lseek: r.orig_rax = SYS_getgid; break; /* judged again: EXDEV */
        case SYS_getuid: r.orig_rax = SYS_close; r.rdi = 88; break; /* not asked again: made */
        default: request = PTRACE_SYSCALL; continue;
        }
        TRACE(PTRACE_SETREGS, p, 0, &r);
    }
    say_stop("end", status);
}

int main(void) {
    pid_t p = CHILD(filters(); calls("alone"); _exit(0));
    wait_for("alone", p);
    traced(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD);
    /* A tracer that does not want to know is none. */
    traced(0);
}
// qemu-user: has no ptrace
