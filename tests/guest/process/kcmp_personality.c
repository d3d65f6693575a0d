// kcmp, personality, getcpu, gettid, sched_attr, hostname, uname's length.
#include "check.h"
#include <sys/personality.h>
#include <sys/utsname.h>
int main(void) {
    int fd = open("/dev/null", O_RDONLY), d = dup(fd), o = open("/dev/null", O_RDONLY);
    pid_t me = getpid();
    VALUE(syscall(SYS_kcmp, me, me, 0, fd, d));
    VALUE(syscall(SYS_kcmp, me, me, 0, fd, o) != 0);
    VALUE(syscall(SYS_kcmp, me, me, 99, fd, o));
    VALUE(personality(0xffffffff));
    VALUE(personality(ADDR_NO_RANDOMIZE));
    VALUE(personality(0xffffffff));
    VALUE(personality(0));
    VALUE(gettid() == getpid());
    VALUE(gethostname((char[2]){}, 1) == -1);
    char name[100];
    struct utsname u;
    uname(&u);
    VALUE(gethostname(name, 100));
    say("same %d\n", !strcmp(name, u.nodename));
    VALUE(sethostname("x", 100));
    VALUE(getpgid(-1));
    VALUE(getppid() > 0);
}
// qemu-user: has no kcmp
