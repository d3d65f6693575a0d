// add_key, request_key, keyctl: a key in the process's keyring is read, described, updated and revoked.
#include "check.h"
// qemu-user: passes key calls on only partly

static long ctl(long op, long a, long b, long c) { return syscall(SYS_keyctl, op, a, b, c, 0); }

int main(void) {
    char b[200] = "";
    long key = syscall(SYS_add_key, "user", "felix:test", "secret", 6L, -2L);
    if (key < 0) { say("add_key: %s\n", error_name(errno)); return 0; }
    VALUE(ctl(11, key, (long)b, sizeof b));
    say("%s\n", b);
    VALUE(ctl(11, key, (long)b, 2));
    VALUE(ctl(2, key, (long)"other", 5));
    memset(b, 0, sizeof b);
    VALUE(ctl(11, key, (long)b, sizeof b));
    say("%s\n", b);
    VALUE(syscall(SYS_request_key, "user", "felix:test", NULL, 0L) == key);
    VALUE(syscall(SYS_request_key, "user", "felix:nothing", NULL, 0L));
    long n = ctl(6, key, (long)b, sizeof b);
    say("described %d %.4s\n", n > 10, b);
    VALUE(ctl(10, -2, (long)"user", (long)"felix:test") == key);
    VALUE(ctl(3, key, 0, 0));
    VALUE(ctl(11, key, (long)b, sizeof b));
    VALUE(ctl(99, 0, 0, 0));
    VALUE(syscall(SYS_add_key, "nosuchtype", "x", "y", 1L, -2L));
    VALUE(syscall(SYS_add_key, "user", (void *)8, "y", 1L, -2L));
    VALUE(syscall(SYS_add_key, "user", "x", (void *)8, 1L, -2L));
    VALUE(syscall(SYS_add_key, "user", "x", "y", 1L, 12345678L));
}
