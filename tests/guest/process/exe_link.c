// /proc/self/exe is a link to the file, whatever has become of its name: renamed, removed, never had one (memfd).
// rootfs: too
// qemu-user: knows a program by its path
#include "check.h"
#include <sys/xattr.h>

extern char **environ;

static void look(const char *what) {
    char link[4096], head[4] = "";
    ssize_t n = readlink("/proc/self/exe", link, sizeof link - 1);
    link[n < 0 ? 0 : n] = 0;
    struct stat st = {0};
    int found = stat("/proc/self/exe", &st);
    int fd = open("/proc/self/exe", O_RDONLY);
    if (fd >= 0 && read(fd, head, 4) != 4) say("short\n");
    say("%s: %s, stat %d, links %ld, %s\n", what, strrchr(link, '/'), found, (long)st.st_nlink,
        memcmp(head, "\177ELF", 4) ? error_name(errno) : "ELF");
    VALUE(access("/proc/self/exe", X_OK));
    VALUE(chmod("/proc/self/exe", 0755));
    VALUE(getxattr("/proc/self/exe", "user.none", head, 4));
    close(fd);
}

static void again(const char *how) {
    reap(how, CHILD(execve("/proc/self/exe", (char *[]){"p", (char *)how, NULL}, environ); say("%s\n", error_name(errno))));
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "named")) { look(argv[1]); return 3; }
    if (argc > 1) {
        look("as it was");
        MUST(rename("p", "q"));
        look("renamed");
        again("executed, renamed");
        MUST(unlink("q"));
        look("removed");
        again("executed, removed");
        put_file("q", "another file");
        look("replaced");
        return 0;
    }
    char b[65536];
    int self = MUST(open("/proc/self/exe", O_RDONLY)), copy = MUST(open("p", O_CREAT | O_WRONLY, 0755));
    int m = MUST(memfd_create("unnamed", 0));
    for (ssize_t n; (n = read(self, b, sizeof b)) > 0;) MUST(write(m, b, n)), MUST(write(copy, b, n));
    close(copy);
    reap("named", CHILD(execve("p", (char *[]){"p", "named", NULL}, environ); say("%s\n", error_name(errno))));
    // A copy that only reads, or the file would be busy.
    snprintf(b, sizeof b, "/proc/self/fd/%d", m);
    int readable = MUST(open(b, O_RDONLY | O_CLOEXEC));
    close(m);
    reap("memfd", CHILD(fexecve(readable, (char *[]){"p", "of a memfd", NULL}, environ); say("%s\n", error_name(errno))));
}
