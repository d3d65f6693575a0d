// statfs and fstatfs, sysinfo, getcwd in odd places, umask, close_range.
#include "check.h"
#include <linux/close_range.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
int main(void) {
    struct statfs a, b;
    VALUE(statfs("/proc", &a));
    say("type %#lx namelen %ld bsize %ld\n", (long)a.f_type, (long)a.f_namelen, (long)a.f_bsize);
    VALUE(fstatfs(open("/proc/version", O_RDONLY), &b));
    say("same %d\n", a.f_type == b.f_type);
    VALUE(statfs("missing", &a));
    VALUE(statfs("/", (void *)8));
    struct sysinfo i;
    VALUE(sysinfo(&i));
    say("unit %u ram %d procs %d\n", i.mem_unit, i.totalram > 1 << 20, i.procs > 0);
    char c[4096];
    mkdir("gone", 0755);
    chdir("gone");
    rmdir("../gone");
    VALUE(syscall(SYS_getcwd, c, sizeof c));
    VALUE(open("new", O_CREAT | O_RDWR, 0600));
    VALUE(chdir(".."));
    chdir("/");
    VALUE(syscall(SYS_getcwd, c, 1));
    VALUE(syscall(SYS_getcwd, c, 2));
    say("[%s]\n", c);
    VALUE(umask(0777777));
    VALUE(umask(022));
    for (int n = 10; n < 20; n++) dup2(1, n);
    VALUE(syscall(SYS_close_range, 12, 15, 0));
    VALUE(syscall(SYS_close_range, 16, 17, CLOSE_RANGE_CLOEXEC));
    for (int n = 10; n < 20; n++) say("%d:%d ", n, fcntl(n, F_GETFD));
    say("\n");
    VALUE(syscall(SYS_close_range, 20, 10, 0));
    VALUE(syscall(SYS_close_range, 3, ~0U, 0));
    VALUE(syscall(SYS_close_range, 3, 4, 77));
    VALUE(fcntl(18, F_GETFD));
    VALUE(close(18));
    VALUE(close(-1));
}
