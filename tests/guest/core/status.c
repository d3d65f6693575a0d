// core(5): which signals dump core, when; the status says so.
// qemu-user: makes what it dumps core of its own
#include "check.h"
#include "corefile.h"

static void found(const char *who) {
    struct stat st;
    say("  %s: core %s\n", who, stat("core", &st) == 0 ? "there" : "not there");
    unlink("core");
}

static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGPIPE,
    SIGALRM, SIGTERM, SIGXCPU, SIGXFSZ, SIGSYS, SIGVTALRM};

int main(void) {
    core_limit(0);
    reap("no limit allows it", CHILD(abort()));
    found("abort");
    core_limit(RLIM_INFINITY);
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        reap(signal_name(signals[i]), CHILD(raise(signals[i])));
        found("raised");
    }
    reap("abort", CHILD(abort()));
    found("abort");
    reap("null", CHILD(*(volatile int *)8 = 1));
    found("null");
    reap("division", CHILD(volatile int z = 0; z = 1 / z));
    found("division");
    reap("int3", CHILD(asm volatile("int3")));
    found("int3");
    reap("ud2", CHILD(asm volatile("ud2")));
    found("ud2");
    pid_t p = CHILD(for (;;) pause());
    kill(p, SIGQUIT);
    reap("sent", p);
    found("sent");
    // A small one is cut off, and too small a limit is none.
    reap("4095", CHILD(core_limit(4095); abort()));
    found("4095");
    reap("4096", CHILD(core_limit(4096); abort()));
    struct stat st;
    say("cut off %d\n", stat("core", &st) == 0 && st.st_size > 64 && st.st_size <= 4096);
    found("4096");
    reap("1", CHILD(core_limit(1); abort()));
    found("1");
    reap("not dumpable", CHILD(prctl(PR_SET_DUMPABLE, 0); abort()));
    found("not dumpable");
    reap("limit set late", CHILD(core_limit(0); core_limit(RLIM_INFINITY); abort()));
    found("limit set late");
    reap("blocked fault", CHILD(block(SIGSEGV, 0); *(volatile int *)8 = 1));
    found("blocked fault");
    reap("handler", CHILD(signal(SIGABRT, SIG_IGN); raise(SIGABRT)));
    found("ignored");
    // What is in the way.
    MUST(mkdir("core", 0700));
    reap("a directory", CHILD(abort()));
    MUST(rmdir("core"));
    MUST(symlink("elsewhere", "core"));
    reap("a link", CHILD(abort()));
    say("elsewhere: %d\n", access("elsewhere", F_OK));
    found("a link");
    put_file("core", "old");
    MUST(link("core", "second"));
    reap("two names", CHILD(abort()));
    MUST(stat("second", &st));
    say("size %ld\n", (long)st.st_size);
    found("two names");
    MUST(mkdir("dir", 0700));
    reap("elsewhere", CHILD(MUST(chdir("dir")); abort()));
    say("dir/core: %d\n", access("dir/core", F_OK));
    siginfo_t i;
    p = CHILD(abort());
    MUST(waitid(P_PID, p, &i, WEXITED));
    say("waitid: code %s status %s\n", i.si_code == CLD_DUMPED ? "dumped" : i.si_code == CLD_KILLED ? "killed" : "?", signal_name(i.si_status));
    unlink("core");
    p = vfork();
    if (p == 0) { raise(SIGABRT); _exit(1); }
    reap("vfork", p);
    found("vfork");
    // The parent can still.
    reap("after vfork", CHILD(abort()));
    found("after vfork");
    DIR *d = opendir(".");
    int n = 0;
    while (readdir(d)) n++;
    say("%d entries\n", n);
}
