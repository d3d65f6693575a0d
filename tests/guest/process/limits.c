// getrlimit, setrlimit and prlimit: values, errors, and that RLIMIT_NOFILE, FSIZE and AS are in force.
#include "check.h"

int main(void) {
    struct rlimit l = {50, 100}, old;
    VALUE(setrlimit(RLIMIT_NOFILE, &l));
    VALUE(getrlimit(RLIMIT_NOFILE, &old));
    say("%ld %ld\n", (long)old.rlim_cur, (long)old.rlim_max);
    int fd = 0, last = -1;
    while ((fd = open("/dev/null", O_RDONLY)) >= 0) last = fd;
    say("last %d then %s\n", last, error_name(errno));
    for (fd = 3; fd <= last; fd++) close(fd);
    VALUE(dup2(1, 50));
    VALUE(fcntl(1, F_DUPFD, 60));
    l.rlim_cur = 200;
    VALUE(setrlimit(RLIMIT_NOFILE, &l));
    VALUE(setrlimit(99, &l));
    VALUE(getrlimit(RLIMIT_NOFILE, (void *)8));
    signal(SIGXFSZ, SIG_IGN);
    l = (struct rlimit){10, 10};
    reap("file size", CHILD(setrlimit(RLIMIT_FSIZE, &l); fd = open("f", O_CREAT | O_WRONLY, 0600);
        VALUE(write(fd, "0123456789abcdef", 16)); VALUE(write(fd, "x", 1)); VALUE(ftruncate(fd, 100));
        signal(SIGXFSZ, SIG_DFL); setrlimit(RLIMIT_CORE, &(struct rlimit){}); write(fd, "x", 1)));
    reap("address space", CHILD(
        l = (struct rlimit){256 << 20, 1 << 30};
        VALUE(setrlimit(RLIMIT_AS, &l));
        VALUE(getrlimit(RLIMIT_AS, &old));
        say("%ld\n", (long)old.rlim_cur);
        VALUE((long)mmap(NULL, 512 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        VALUE((long)mmap(NULL, 16 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != -1);
        VALUE(malloc(300 << 20) == NULL)));
    reap("cpu time", CHILD(setrlimit(RLIMIT_CPU, &(struct rlimit){1, RLIM_INFINITY}); getrlimit(RLIMIT_CPU, &old); say("%ld %ld\n", (long)old.rlim_cur, (long)old.rlim_max)));
}
