// A program that has used up its limit of descriptors can do all that takes none: name files, make threads and processes, execute
// programs, which have the same limit.
// rootfs: too
#include "check.h"

static void names(void) {
    struct stat st;
    char b[PATH_MAX];
    VALUE(open("d/f", O_RDONLY));
    VALUE(dup(0));
    VALUE(stat("d/f", &st));
    VALUE(access("d/../d/f", R_OK));
    VALUE(chdir("d"));
    VALUE(rename("f", "g"));
    VALUE(link("../d/g", "f"));
    VALUE(unlink("g"));
    VALUE(symlink("f", "l"));
    VALUE(readlink("l", b, sizeof b));
    VALUE(unlink("../d/l"));
    VALUE(mkdir("n", 0700));
    VALUE(rmdir("n"));
    VALUE(truncate("../d/f", 5));
    VALUE(chdir(".."));
    VALUE(stat("/proc/self/status", &st));
    VALUE(readlink("/proc/self/exe", b, sizeof b) > 0);
}

static void *nothing(void *x) { return x; }

static void limits(const char *who) {
    struct rlimit l;
    MUST(getrlimit(RLIMIT_NOFILE, &l));
    int n = 0, last = -1, fd;
    for (; (fd = open("/dev/null", O_RDONLY)) >= 0; n++) last = fd;
    say("%s: limits %lu %lu, %d more descriptors, the last %d, then %s\n", who, l.rlim_cur, l.rlim_max, n, last, error_name(errno));
}

int main(int argc, char **argv) {
    if (argc > 1) {
        limits(argv[1]);
        struct stat st;
        VALUE(stat("d/f", &st));
        // From there once more.
        if (strchr(argv[1], '+')) execl(argv[0], argv[0], "executed again", NULL);
        return 0;
    }
    MUST(mkdir("d", 0700));
    MUST(close(MUST(open("d/f", O_CREAT | O_WRONLY, 0600))));
    close_range(3, ~0u, 0);
    struct rlimit l = {40, 40};
    VALUE(setrlimit(RLIMIT_NOFILE, &l));
    limits("first");
    names();
    pthread_t t;
    RETURNS(pthread_create(&t, NULL, nothing, NULL));
    pthread_join(t, NULL);
    reap("fork", CHILD(names()));
    reap("exec", CHILD(execl(argv[0], argv[0], "executed", NULL), say("not executed: %s\n", error_name(errno))));
    reap("and again", CHILD(execl(argv[0], argv[0], "executed+", NULL), say("not executed: %s\n", error_name(errno))));
    pid_t p = vfork();
    if (p == 0) {
        execl("/proc/self/exe", argv[0], "executed after vfork", NULL);
        _exit(1);
    }
    reap("vfork", p);
    // A vfork's child has limits of its own.
    p = vfork();
    if (p == 0) {
        struct rlimit less = {20, 30};
        setrlimit(RLIMIT_NOFILE, &less);
        execl(argv[0], argv[0], "executed with less", NULL);
        _exit(1);
    }
    reap("vfork", p);
    VALUE(execl("d", "d", NULL));
    limits("after that");
    struct rlimit other = {30, 41};
    if (geteuid() != 0) say("more than the hard limit: %s\n", setrlimit(RLIMIT_NOFILE, &other) ? error_name(errno) : "works");
    else say("more than the hard limit: EPERM\n");
    other.rlim_cur = 41, other.rlim_max = 40;
    VALUE(setrlimit(RLIMIT_NOFILE, &other));
    VALUE(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, 16, NULL));
    VALUE(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, 16));
    other.rlim_cur = 35, other.rlim_max = 38;
    VALUE(prlimit(getpid(), RLIMIT_NOFILE, &other, &l));
    say("before %lu %lu\n", l.rlim_cur, l.rlim_max);
    MUST(getrlimit(RLIMIT_NOFILE, &l));
    say("now %lu %lu\n", l.rlim_cur, l.rlim_max);
}
