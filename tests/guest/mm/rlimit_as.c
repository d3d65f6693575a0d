// RLIMIT_AS and RLIMIT_DATA: in force for mmap, brk and mremap, kept over fork and exec, and the program goes on.
#include "check.h"
static void try(const char *what) {
    void *a = mmap(NULL, 6 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *b = mmap(NULL, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("%s: 6 MiB %s, 64 MiB %s\n", what, a == MAP_FAILED ? error_name(errno) : "works", b == MAP_FAILED ? error_name(errno) : "works");
    if (a != MAP_FAILED) munmap(a, 6 << 20);
    if (b != MAP_FAILED) munmap(b, 64 << 20);
}
int main(int argc, char **argv) {
    struct rlimit l;
    if (argc > 1) {
        getrlimit(RLIMIT_AS, &l);
        say("after exec %ld %ld\n", (long)l.rlim_cur, (long)l.rlim_max);
        try("after exec");
        return 0;
    }
    VALUE(setrlimit(RLIMIT_AS, &(struct rlimit){40 << 20, 80 << 20}));
    VALUE(prlimit(getpid(), RLIMIT_AS, NULL, &l));
    say("%ld %ld\n", (long)l.rlim_cur, (long)l.rlim_max);
    try("limited");
    reap("child", CHILD(try("in a child")));
    void *a = mmap(NULL, 4 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    VALUE((long)mremap(a, 4 << 20, 60 << 20, MREMAP_MAYMOVE));
    VALUE(malloc(50 << 20) == NULL);
    VALUE(malloc(1 << 20) != NULL);
    char *top = (char *)syscall(SYS_brk, 0);
    VALUE((char *)syscall(SYS_brk, top + (60 << 20)) == top);
    VALUE(setrlimit(RLIMIT_AS, &(struct rlimit){90 << 20, 80 << 20}));
    reap("exec", CHILD(execv("/proc/self/exe", (char *[]){argv[0], "x", NULL})));
    VALUE(setrlimit(RLIMIT_AS, &(struct rlimit){80 << 20, 80 << 20}));
    try("raised");
    VALUE(setrlimit(RLIMIT_DATA, &(struct rlimit){1 << 20, RLIM_INFINITY}));
    VALUE((long)mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    VALUE(mmap(NULL, 4 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    VALUE((char *)syscall(SYS_brk, top + (4 << 20)) == top);
}
