// A program that is open for writing is not executed: ETXTBSY. Felix can ask the kernel since Linux 6.14.
#include "check.h"
#include <sys/utsname.h>

int main(void) {
    struct utsname u;
    int major = 0, minor = 0;
    uname(&u);
    sscanf(u.release, "%d.%d", &major, &minor);
    int fd = open("/proc/self/exe", O_RDONLY), copy = open("busy", O_CREAT | O_RDWR, 0755);
    char b[65536];
    for (ssize_t n; (n = read(fd, b, sizeof b)) > 0;) MUST(write(copy, b, n));
    char *argv[] = {"x", NULL};
    if (major * 100 + minor >= 614) VALUE(execv("./busy", argv));
    else say("not asked\n");
}
