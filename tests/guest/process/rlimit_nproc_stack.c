// The stack's limit of a new program, RLIMIT_NPROC of root, RLIMIT_CORE and prlimit of another process.
#include "check.h"
int main(int argc, char **argv) {
    if (argc > 1) {
        struct rlimit l;
        getrlimit(RLIMIT_STACK, &l);
        volatile char room[300000];
        memset((char *)room, 1, sizeof room);
        say("stack %ld, %d\n", (long)l.rlim_cur, room[1000]);
        return 0;
    }
    reap("small stack", CHILD(setrlimit(RLIMIT_STACK, &(struct rlimit){1 << 20, 8 << 20}); execv("/proc/self/exe", (char *[]){argv[0], "x", NULL})));
    reap("unlimited stack", CHILD(setrlimit(RLIMIT_STACK, &(struct rlimit){16 << 20, RLIM_INFINITY}); execv("/proc/self/exe", (char *[]){argv[0], "x", NULL})));
    pid_t p = CHILD(pause_ms(20000));
    struct rlimit n = {100, 200}, old;
    VALUE(prlimit(p, RLIMIT_NOFILE, &n, &old));
    VALUE(prlimit(p, RLIMIT_NOFILE, NULL, &old));
    say("%ld %ld\n", (long)old.rlim_cur, (long)old.rlim_max);
    VALUE(prlimit(p, 99, NULL, &old));
    VALUE(prlimit(0x3ffffff, RLIMIT_CORE, NULL, &old));
    VALUE(prlimit(0, RLIMIT_CORE, &(struct rlimit){5, 4}, NULL));
    kill(p, SIGKILL);
    reap("child", p);
}
// qemu-user: keeps the stack limit it was started with
