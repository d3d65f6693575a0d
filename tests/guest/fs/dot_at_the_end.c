// rootfs: too
// A path that ends in "/." names the directory before it, which must be one, and is for no call to make or to remove.
#include "check.h"

#define TRY(e) say(" %s", (e) < 0 ? error_name(errno) : "works")
static void make(void) {
    mkdir("d", 0700), close(open("f", O_CREAT, 0600));
    (void)(symlink("d", "l") | symlink("f", "lf") | symlink("none", "dangling") | symlink("f/.", "dotted"));
}

int main(void) {
    const char *paths[] = {"f/.", "d/.", "l/.", "lf/.", "none/.", "dangling/.", "dotted", "f/..", "d/..", "f/", "none/", "d/./", "f/./", "d/./."};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const char *p = paths[i];
        struct stat st;
        make();
        say("%s:", p);
        TRY(open(p, O_RDONLY));
        TRY(open(p, O_CREAT | O_RDWR, 0600));
        TRY(open(p, O_CREAT | O_EXCL | O_RDWR, 0600));
        TRY(open(p, O_CREAT | O_NOFOLLOW | O_RDWR, 0600));
        TRY(stat(p, &st));
        if (strcmp(p, "dotted")) {
            TRY(mkdir(p, 0700));
            TRY(rmdir(p));
            TRY(unlink(p));
            TRY(symlink("x", p));
            TRY(rename(p, "new"));
            TRY(rename("lf", p));
            TRY(link("lf", p));
        }
        say("\n");
    }
}
