// openat2(2): RESOLVE flags, unknown bits, sizes.
#include "check.h"
#include <linux/openat2.h>
static void try(const char *what, int dir, const char *path, struct open_how h, size_t size) {
    int f = syscall(SYS_openat2, dir, path, &h, size);
    say("%s: %s\n", what, f < 0 ? error_name(errno) : "works");
    if (f >= 0) close(f);
}
int main(void) {
    mkdir("d", 0755);
    put_file("d/f", "x");
    symlink("f", "d/l");
    symlink("/", "d/root");
    int d = open("d", O_RDONLY);
    struct { struct open_how h; long more; } big = {};
    size_t n = sizeof(struct open_how);
    try("plain", d, "f", (struct open_how){}, n);
    try("no links, file", d, "f", (struct open_how){.resolve = RESOLVE_NO_SYMLINKS}, n);
    try("no links, link", d, "l", (struct open_how){.resolve = RESOLVE_NO_SYMLINKS}, n);
    try("beneath, up", d, "../d/f", (struct open_how){.resolve = RESOLVE_BENEATH}, n);
    try("beneath, in", d, "./l", (struct open_how){.resolve = RESOLVE_BENEATH}, n);
    try("in root, absolute", d, "/f", (struct open_how){.resolve = RESOLVE_IN_ROOT}, n);
    try("in root, link to root", d, "root/f", (struct open_how){.resolve = RESOLVE_IN_ROOT}, n);
    try("in root, up", d, "../../f", (struct open_how){.resolve = RESOLVE_IN_ROOT}, n);
    try("magic", AT_FDCWD, "/proc/self/fd/0", (struct open_how){.resolve = RESOLVE_NO_MAGICLINKS}, n);
    try("mode without O_CREAT", d, "f", (struct open_how){.mode = 0600}, n);
    try("bad mode", d, "n", (struct open_how){.flags = O_CREAT, .mode = 01000000}, n);
    try("unknown flag", d, "f", (struct open_how){.flags = 1UL << 40}, n);
    try("unknown resolve", d, "f", (struct open_how){.resolve = 1 << 20}, n);
    try("too small", d, "f", (struct open_how){}, n - 1);
    VALUE(close(syscall(SYS_openat2, d, "f", &big, sizeof big)));
    big.more = 1;
    VALUE(syscall(SYS_openat2, d, "f", &big, sizeof big));
    VALUE(syscall(SYS_openat2, d, "f", 8, n));
}
