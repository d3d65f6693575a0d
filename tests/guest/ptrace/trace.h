/* For the tests of ptrace(2): check.h, and waiting for what is traced with every word of the status printed. */
#include "check.h"
#include <elf.h>
#include <linux/ptrace.h>
#include <sys/user.h>

/* sys/ptrace.h and linux/ptrace.h do not go together; the call itself is what is tested. PEEK requests give the word. */
UNUSED static long trace(long request, pid_t pid, unsigned long addr, unsigned long data) {
    unsigned long word;
    int peeks = request >= PTRACE_PEEKTEXT && request <= PTRACE_PEEKUSR;
    long r = syscall(SYS_ptrace, request, pid, addr, peeks ? (unsigned long)&word : data);
    return peeks && r == 0 ? (long)word : r;
}
/* A request that has to succeed. */
UNUSED static long must_trace(const char *name, int line, long request, pid_t pid, unsigned long addr, unsigned long data) {
    errno = 0;
    long r = trace(request, pid, addr, data);
    if (r == -1 && errno) give_up(name, line);
    return r;
}
#define TRACE(request, pid, addr, data) must_trace(#request, __LINE__, request, pid, (unsigned long)(addr), (unsigned long)(data))

UNUSED static const char *event_name(int event) {
    static const char *const names[] = {"", "FORK", "VFORK", "CLONE", "EXEC", "VFORK_DONE", "EXIT", "SECCOMP"};
    return event == PTRACE_EVENT_STOP ? "STOP" : event <= 7 ? names[event] : "?";
}

UNUSED static void say_stop(const char *who, int status) {
    if (!WIFSTOPPED(status)) {
        say_status(who, status);
        return;
    }
    int sig = WSTOPSIG(status), event = status >> 16;
    say("%s: stopped by %s%s%s%s\n", who, signal_name(sig & 0x7f), sig & 0x80 ? "|80" : "", event ? ", event " : "", event_name(event));
}

/* Waits for one, prints, gives the status. */
UNUSED static int wait_for(const char *who, pid_t pid) {
    int status = 0;
    pid_t got;
    while ((got = waitpid(pid, &status, __WALL)) == -1 && errno == EINTR) {}
    if (got != pid) { say("%s: waitpid: %s\n", who, error_name(errno)); return 0; }
    say_stop(who, status);
    return status;
}

UNUSED static struct user_regs_struct regs_of(pid_t pid) {
    struct user_regs_struct r;
    TRACE(PTRACE_GETREGS, pid, 0, &r);
    return r;
}

/* The program again, for what is to be executed: main is called with this argument. */
UNUSED static void again(const char *how) {
    execl("/proc/self/exe", "again", how, NULL);
    _exit(98);
}
