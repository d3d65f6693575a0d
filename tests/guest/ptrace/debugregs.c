// Breakpoints in debug registers: on writing, on any access, on execution; what DR6 tells.
#include "trace.h"

static volatile long watched[4];
__attribute__((noinline, noclone)) static void writer(int i, long v) { watched[i] = v; __asm__ volatile("" ::: "memory"); }
__attribute__((noinline, noclone)) static long reader(int i) { __asm__ volatile("" ::: "memory"); return watched[i]; }

static void set(pid_t p, int n, unsigned long v) { TRACE(PTRACE_POKEUSR, p, offsetof(struct user, u_debugreg) + 8 * n, v); }
static unsigned long get(pid_t p, int n) { return TRACE(PTRACE_PEEKUSR, p, offsetof(struct user, u_debugreg) + 8 * n, 0); }

static void hit(const char *who, pid_t p) {
    TRACE(PTRACE_CONT, p, 0, 0);
    int status = wait_for(who, p);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) return;
    siginfo_t info;
    TRACE(PTRACE_GETSIGINFO, p, 0, &info);
    struct user_regs_struct r = regs_of(p);
    say("  code %d, dr6 %#lx, watched %ld %ld, tf %d\n", info.si_code, get(p, 6), TRACE(PTRACE_PEEKDATA, p, &watched[0], 0),
        TRACE(PTRACE_PEEKDATA, p, &watched[1], 0), (int)(r.eflags >> 8 & 1));
    if (get(p, 6) & 4) say("  at its start: %d\n", r.rip == (unsigned long)writer);
    set(p, 6, 0);
}

int main(void) {
    pid_t p = CHILD(
        TRACE(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        for (int i = 0; i < 3; i++) { writer(0, 10 + i); writer(1, 20 + i); if (reader(1) == 0) break; }
        raise(SIGSTOP);
        writer(0, 30);
        long sum = reader(1);
        writer(2, sum);
        _exit(7));
    wait_for("child", p);
    set(p, 0, (unsigned long)&watched[0]);
    set(p, 1, (unsigned long)&watched[1]);
    set(p, 7, 1 << 0 | 1u << 16 | 2u << 18 | 1 << 2 | 3u << 20 | 2u << 22);
    for (int i = 0; i < 9; i++) hit("data", p);
    hit("SIGSTOP", p);
    set(p, 7, 0);
    set(p, 2, (unsigned long)writer);
    set(p, 7, 1 << 4);
    hit("code", p);
    hit("code", p);
    set(p, 7, 0);
    hit("end", p);
}
// qemu-user: has no ptrace
