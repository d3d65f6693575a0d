// The calls that set times: utime, utimes, futimesat, utimensat with UTIME_NOW and UTIME_OMIT; errors.
#include "check.h"
#include <utime.h>
static void show(void) {
    struct stat s;
    stat("f", &s);
    say("%ld.%09ld %ld.%09ld\n", s.st_atim.tv_sec, s.st_atim.tv_nsec, s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
}
int main(void) {
    put_file("f", "");
    struct utimbuf u = {100, 200};
    VALUE(syscall(SYS_utime, "f", &u));
    show();
    struct timeval v[2] = {{300, 400000}, {500, 600000}};
    VALUE(syscall(SYS_utimes, "f", v));
    show();
    v[0].tv_usec = 700000;
    VALUE(syscall(SYS_futimesat, AT_FDCWD, "f", v));
    show();
    v[1].tv_usec = 1000000;
    VALUE(syscall(SYS_utimes, "f", v));
    struct timespec t[2] = {{1, UTIME_OMIT}, {9, 8}};
    VALUE(utimensat(AT_FDCWD, "f", t, 0));
    show();
    t[0].tv_nsec = 2000000000;
    VALUE(utimensat(AT_FDCWD, "f", t, 0));
    VALUE(syscall(SYS_utime, "missing", &u));
    VALUE(syscall(SYS_utime, "f", 8));
    VALUE(syscall(SYS_utimes, "f", NULL));
    struct stat s;
    stat("f", &s);
    say("now %d\n", time(NULL) - s.st_mtim.tv_sec <= 2);
}
