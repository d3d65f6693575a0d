// qemu-user: has a cpuinfo of its own everywhere
// A proc of processes alone (subset=pid) has no files about the machine.
#include "check.h"
#include <sys/mount.h>

int main(void) {
    char c;
    if (unshare(CLONE_NEWNS) < 0) return say("%s\n", error_name(errno)), 0;
    MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    VALUE(access("/proc/cpuinfo", R_OK));
    if (mount("proc", "/proc", "proc", 0, "subset=pid") < 0) return say("%s\n", error_name(errno)), 0;
    VALUE(open("/proc/cpuinfo", O_RDONLY));
    VALUE(readlink("/proc/cpuinfo", &c, 1));
    VALUE(access("/proc/cpuinfo", F_OK));
    VALUE(access("/proc/self/maps", R_OK));
}
