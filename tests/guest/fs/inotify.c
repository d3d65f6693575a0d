// inotify(7): events, masks, cookies, names, IN_ONESHOT, IGNORED, errors.
#include "check.h"
#include <sys/inotify.h>
static int fd, wd;
static void show(const char *what) {
    char b[4096];
    ssize_t n = read(fd, b, sizeof b);
    say("%s: %s\n", what, n < 0 ? error_name(errno) : "");
    unsigned cookie = 0;
    for (ssize_t at = 0; at < n;) {
        struct inotify_event *e = (void *)(b + at);
        say("  wd %d mask %#x cookie %s len %u name %s\n", e->wd, e->mask, !e->cookie ? "0" : e->cookie == cookie ? "same" : "new", e->len, e->len ? e->name : "");
        cookie = e->cookie;
        at += sizeof *e + e->len;
    }
}
int main(void) {
    mkdir("d", 0755);
    fd = WORKS(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    wd = VALUE(inotify_add_watch(fd, "d", IN_ALL_EVENTS));
    put_file("d/a", "x");
    show("created");
    chmod("d/a", 0600);
    rename("d/a", "d/longer-name-than-sixteen");
    show("changed");
    close(open("d/longer-name-than-sixteen", O_RDONLY));
    show("opened");
    unlink("d/longer-name-than-sixteen");
    show("removed");
    VALUE(inotify_add_watch(fd, "d", IN_CREATE | IN_ONESHOT) == wd);
    mkdir("d/x", 0755);
    mkdir("d/y", 0755);
    show("once");
    VALUE(inotify_rm_watch(fd, wd));
    VALUE(inotify_add_watch(fd, "missing", IN_CREATE));
    VALUE(inotify_add_watch(fd, "d", 0));
    VALUE(inotify_add_watch(1, "d", IN_CREATE));
    VALUE(inotify_add_watch(fd, "d/x", IN_DELETE_SELF | IN_ONLYDIR) > 0);
    rmdir("d/x");
    show("gone");
    mkdir("d/x", 0755);
    VALUE(inotify_add_watch(fd, "d", IN_CREATE | IN_MASK_CREATE) > 0);
    VALUE(inotify_add_watch(fd, "d", IN_CREATE | IN_MASK_CREATE));
}
