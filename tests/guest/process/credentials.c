// User and group numbers, as root set and read; setting them in one thread; getgroups.
#include "check.h"
#include <grp.h>

int main(void) {
    uid_t r, e, s;
    say("same: %d %d\n", getuid() == geteuid(), getgid() == getegid());
    if (getuid() != 0) return 0;
    reap("child", CHILD(
        gid_t g[3] = {5, 7, 9};
        VALUE(setgroups(3, g));
        memset(g, 0, sizeof g);
        VALUE(getgroups(0, NULL));
        VALUE(getgroups(2, g));
        VALUE(getgroups(3, g));
        say("%d %d %d\n", g[0], g[1], g[2]);
        VALUE(setresgid(10, 11, 12));
        VALUE(setresuid(1000, 1001, 1002));
        VALUE(getresuid(&r, &e, &s));
        say("%d %d %d\n", r, e, s);
        VALUE(getresgid(&r, &e, &s));
        say("%d %d %d\n", r, e, s);
        VALUE(setuid(0));
        VALUE(seteuid(1002));
        VALUE(geteuid());
        VALUE(setreuid(-1, 1000));
        VALUE(setresuid(5, 5, 5));
        VALUE(setgroups(0, NULL));
        VALUE(syscall(SYS_setfsuid, -1));
        VALUE(kill(1, 0));
        VALUE(syscall(SYS_getresuid, 8, &e, &s))));
}
