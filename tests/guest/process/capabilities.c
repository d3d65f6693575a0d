// capget(2), capset(2): versions, other processes, dropping, and what needs them afterwards.
#include "check.h"
#include <linux/capability.h>

static struct __user_cap_header_struct h;
static struct __user_cap_data_struct d[2];

int main(void) {
    h = (struct __user_cap_header_struct){0x12345678, 0};
    VALUE(syscall(SYS_capget, &h, NULL));
    say("version %#x\n", h.version);
    VALUE(syscall(SYS_capget, &h, d));
    say("%#x %#x %#x, %#x %#x %#x\n", d[0].effective, d[0].permitted, d[0].inheritable, d[1].effective, d[1].permitted, d[1].inheritable);
    h = (struct __user_cap_header_struct){0x12345678, 0};
    VALUE(syscall(SYS_capget, &h, d));
    h.pid = 99999999;
    VALUE(syscall(SYS_capget, &h, d));
    h.pid = -1;
    VALUE(syscall(SYS_capget, &h, d));
    VALUE(syscall(SYS_capget, 8, d));
    h.pid = 0;
    VALUE(syscall(SYS_capget, &h, 8));
    h.version = _LINUX_CAPABILITY_VERSION_1;
    VALUE(syscall(SYS_capget, &h, d));
    h.version = _LINUX_CAPABILITY_VERSION_3;
    syscall(SYS_capget, &h, d);
    struct __user_cap_data_struct more[2] = {d[0], d[1]};
    more[0].inheritable |= 1, more[0].permitted = ~0u, more[0].effective = ~0u, more[1] = more[0];
    VALUE(syscall(SYS_capset, &h, more) == 0 ? 1 : -1);
    put_file("f", "x");
    chmod("f", 0);
    VALUE(open("f", O_RDONLY) >= 0);
    memset(d, 0, sizeof d);
    VALUE(syscall(SYS_capset, &h, d));
    VALUE(open("f", O_RDONLY) >= 0);
    VALUE(setpriority(PRIO_PROCESS, 0, -5));
    VALUE(prctl(PR_CAPBSET_READ, 0) >= 0);
    VALUE(prctl(PR_CAPBSET_DROP, 0));
    d[0].permitted = 1;
    VALUE(syscall(SYS_capset, &h, d));
    h.pid = 1;
    VALUE(syscall(SYS_capset, &h, d));
    VALUE(prctl(PR_GET_KEEPCAPS));
    VALUE(prctl(PR_SET_KEEPCAPS, 1));
    VALUE(prctl(PR_GET_KEEPCAPS));
    VALUE(prctl(PR_SET_KEEPCAPS, 2));
}
