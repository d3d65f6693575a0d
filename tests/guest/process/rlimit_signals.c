// RLIMIT_CPU: SIGXCPU; RLIMIT_FSIZE: SIGXFSZ and EFBIG; limits of a child by prlimit(2).
#include "check.h"

static void handler(int sig, siginfo_t *i, void *context) { (void)context; say("  %s code %d\n", signal_name(sig), i->si_code); }
static void ends(int sig, siginfo_t *i, void *context) { handler(sig, i, context); _exit(6); }
static void limit(int which, rlim_t soft, rlim_t hard) { MUST(setrlimit(which, &(struct rlimit){soft, hard})); }

int main(void) {
    reap("cpu", CHILD(handle_with(SIGXCPU, ends, 0); limit(RLIMIT_CPU, 1, 4); for (;;) {}));
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0600));
    reap("file", CHILD(limit(RLIMIT_FSIZE, 1 << 20, 1 << 20); VALUE(pwrite(fd, "0123456789", 10, (1 << 20) - 5)); VALUE(pwrite(fd, "x", 1, 1 << 20))));
    reap("file, caught", CHILD(handle_with(SIGXFSZ, handler, 0); limit(RLIMIT_FSIZE, 1 << 20, 1 << 20); VALUE(pwrite(fd, "x", 1, 1 << 20)); VALUE(ftruncate(fd, 2 << 20))));
    reap("file, ignored", CHILD(signal(SIGXFSZ, SIG_IGN); limit(RLIMIT_FSIZE, 1 << 20, 1 << 20); VALUE(pwrite(fd, "x", 1, 1 << 20)); VALUE(ftruncate(fd, 2 << 20))));
    pid_t p = CHILD(pause());
    struct rlimit new = {20, 30};
    struct rlimit old;
    VALUE(prlimit(p, RLIMIT_NOFILE, &new, NULL));
    VALUE(prlimit(p, RLIMIT_NOFILE, NULL, &old));
    say("%lu %lu\n", old.rlim_cur, old.rlim_max);
    new.rlim_cur = 40;
    VALUE(prlimit(p, RLIMIT_NOFILE, &new, NULL));
    VALUE(prlimit(p, 99, NULL, &old));
    VALUE(prlimit(99999999, RLIMIT_CPU, NULL, &old));
    VALUE(prlimit(p, RLIMIT_CPU, NULL, (void *)8));
    VALUE(prlimit(p, RLIMIT_CPU, (void *)8, NULL));
    kill(p, SIGKILL);
    reap("child", p);
}
