// Exit statuses and atexit order; _exit, quick_exit, abort, a killed process group leader.
#include "check.h"
static void a(void) { say("a\n"); }
static void b(void) { say("b\n"); }
int main(void) {
    setrlimit(RLIMIT_CORE, &(struct rlimit){});
    reap("exit", CHILD(atexit(a); atexit(b); exit(300)));
    reap("_exit", CHILD(atexit(a); _exit(-1)));
    reap("quick_exit", CHILD(atexit(a); at_quick_exit(b); quick_exit(4)));
    reap("abort", CHILD(abort()));
    reap("abort ignored", CHILD(signal(SIGABRT, SIG_IGN); abort()));
    reap("exit_group", CHILD(syscall(SYS_exit_group, 0x1234)));
}
