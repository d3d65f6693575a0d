// open(2): which flags give which error, which flags F_GETFL shows, lowest number first.
#include "check.h"
#define OPEN(...) do { int f = open(__VA_ARGS__); if (f < 0) say("open(%s): %s\n", #__VA_ARGS__, error_name(errno)); \
    else { say("open(%s): fl %#x fd %#x\n", #__VA_ARGS__, fcntl(f, F_GETFL) & ~0100000, fcntl(f, F_GETFD)); close(f); } } while (0)
int main(void) {
    put_file("file", "x");
    mkdir("dir", 0755);
    symlink("file", "link");
    symlink("missing", "dangling");
    OPEN("file", O_RDONLY);
    OPEN("file", O_RDWR | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_SYNC | O_NOATIME);
    OPEN("file", O_WRONLY | O_DSYNC | O_LARGEFILE);
    OPEN("file", O_CREAT | O_EXCL | O_RDWR, 0600);
    OPEN("file", O_DIRECTORY);
    OPEN("dir", O_RDONLY | O_DIRECTORY);
    OPEN("dir", O_RDWR);
    OPEN("dir", O_CREAT, 0600);
    OPEN("link", O_NOFOLLOW);
    OPEN("link", O_NOFOLLOW | O_PATH);
    OPEN("link", O_RDONLY);
    OPEN("dangling", O_RDONLY);
    OPEN("dangling", O_CREAT | O_EXCL | O_WRONLY, 0600);
    OPEN("dangling", O_CREAT | O_WRONLY, 0600);
    OPEN("missing", O_RDONLY);
    OPEN("file", O_PATH | O_RDWR);
    OPEN("new", O_CREAT | O_DIRECTORY, 0700);
    OPEN(".", O_TMPFILE | O_RDWR, 0600);
    OPEN(".", O_TMPFILE | O_RDONLY, 0600);
    OPEN("", O_RDONLY);
    OPEN("file/x", O_RDONLY);
    OPEN("nodir/x", O_CREAT | O_RDWR, 0600);
    OPEN("dir/", O_RDONLY);
    OPEN("file/", O_RDONLY);
    OPEN("new/", O_CREAT | O_RDWR, 0600);
    int a = open("file", O_RDONLY), b = open("file", O_RDONLY);
    close(a);
    VALUE(open("file", O_RDONLY) == a);
    (void)b;
}
