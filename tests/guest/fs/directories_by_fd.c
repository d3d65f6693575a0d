// fchdir, creat, mkdirat, mknodat, unlinkat, renameat, symlinkat, readlinkat relative to descriptors, and after the directory is gone.
#include "check.h"
#include <sys/sysmacros.h>

int main(void) {
    char b[300];
    MUST(mkdir("d", 0755));
    int d = MUST(open("d", O_RDONLY | O_DIRECTORY)), f = MUST(creat("d/file", 0600)), back = MUST(open(".", O_PATH));
    say("flags %o\n", fcntl(f, F_GETFL) & O_ACCMODE);
    VALUE(fchdir(d));
    VALUE(access("file", F_OK));
    VALUE(fchdir(f));
    VALUE(fchdir(back));
    VALUE(fchdir(1000));
    VALUE(mkdirat(d, "sub", 0700));
    VALUE(mkdirat(d, "sub", 0700));
    VALUE(mkdirat(f, "sub", 0700));
    VALUE(mkdirat(1000, "/tmp", 0700));
    VALUE(mknodat(d, "fifo", S_IFIFO | 0600, 0));
    VALUE(mknodat(d, "regular", 0600, 0));
    VALUE(mknodat(d, "socket", S_IFSOCK | 0600, 0));
    VALUE(mknodat(d, "directory", S_IFDIR | 0600, 0));
    VALUE(mknodat(d, "odd", 0170000 | 0600, 0));
    VALUE(symlinkat("file", d, "link"));
    VALUE(symlinkat("", d, "empty"));
    VALUE(readlinkat(d, "link", b, sizeof b));
    VALUE(readlinkat(d, "file", b, sizeof b));
    VALUE(readlinkat(d, "link", b, 2));
    VALUE(readlinkat(d, "link", b, 0));
    int l = MUST(openat(d, "link", O_PATH | O_NOFOLLOW));
    VALUE(readlinkat(l, "", b, sizeof b));
    VALUE(openat(d, "link", O_RDONLY | O_NOFOLLOW));
    VALUE(renameat(d, "regular", back, "moved"));
    VALUE(renameat(d, "nothing", back, "moved"));
    VALUE(renameat(back, "moved", d, "sub"));
    VALUE(unlinkat(d, "sub", 0));
    VALUE(unlinkat(d, "file", AT_REMOVEDIR));
    VALUE(unlinkat(d, "sub", AT_REMOVEDIR));
    VALUE(unlinkat(d, "file", 1));
    const char *rest[] = {"file", "fifo", "socket", "link"};
    for (int n = 0; n < 4; n++) unlinkat(d, rest[n], 0);
    VALUE(rmdir("d"));
    VALUE(openat(d, "new", O_CREAT | O_WRONLY, 0600));
    VALUE(fchdir(d));
    VALUE(getcwd(b, sizeof b) != NULL);
    struct stat s;
    VALUE(fstat(d, &s));
    say("links %ld\n", (long)s.st_nlink);
    snprintf(b, sizeof b, "%0255d", 7);
    VALUE(creat("/proc/self/nothing", 0600));
    fchdir(back);
    VALUE(open(b, O_CREAT | O_WRONLY, 0600) >= 0);
    snprintf(b, sizeof b, "%0256d", 7);
    VALUE(open(b, O_CREAT | O_WRONLY, 0600));
}
