// setfsuid, setfsgid, setregid, setreuid, setresgid, setgid: what each leaves, and saved ids.
#include "check.h"
#include <sys/fsuid.h>

static void show(const char *what) {
    uid_t r, e, s;
    gid_t a, b, c;
    MUST(getresuid(&r, &e, &s));
    MUST(getresgid(&a, &b, &c));
    say("%s: uid %d %d %d gid %d %d %d fs %d %d\n", what, r, e, s, a, b, c, setfsuid(-1), setfsgid(-1));
}

int main(void) {
    show("start");
    VALUE(setfsuid(getuid()));
    VALUE(setfsgid(getgid()));
    reap("child", CHILD(
        VALUE(setfsuid(1234));
        VALUE(setfsgid(1235));
        show("fs ids");
        int fd = open("owned", O_CREAT | O_WRONLY, 0600);
        struct stat s;
        if (!fstat(fd, &s)) say("owner %d %d\n", s.st_uid, s.st_gid);
        VALUE(setregid(50, 60));
        show("setregid");
        VALUE(setregid(-1, 50));
        show("setregid");
        VALUE(setreuid(70, 80));
        show("setreuid");
        VALUE(setreuid(80, -1));
        VALUE(setgid(60));
        VALUE(setgid(99));
        show("setgid");
        VALUE(setresuid(-1, 70, -1));
        VALUE(setresgid(1, 2, 3))));
    reap("group", CHILD(VALUE(setresgid(11, 12, 13)); VALUE(setgid(14)); show("setgid"); VALUE(setuid(15)); show("setuid"); VALUE(setuid(0)); VALUE(setgid(11))));
    VALUE(syscall(SYS_getresuid, 8, 8, 8));
}
