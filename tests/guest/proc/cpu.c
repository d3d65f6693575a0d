// What tells about the processor: cpuinfo's x86 fields, one entry for each CPU, uname, sysconf, sys/devices.
#include "check.h"
#include <sys/utsname.h>
int main(void) {
    struct utsname u;
    uname(&u);
    say("%s %s\n", u.sysname, u.machine);
    FILE *f = fopen("/proc/cpuinfo", "r");
    char l[8192];
    int cpus = 0, flags = 0, vendor = 0, model = 0, lm = 0, sse2 = 0;
    while (f && fgets(l, sizeof l, f)) {
        cpus += !strncmp(l, "processor\t:", 11);
        vendor += !strncmp(l, "vendor_id\t:", 11);
        model += !strncmp(l, "model name\t:", 12);
        if (!strncmp(l, "flags\t", 6)) { flags++; lm += strstr(l, " lm ") != NULL; sse2 += strstr(l, " sse2 ") != NULL; }
    }
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    say("processors %d vendors %d models %d flags %d lm %d sse2 %d\n", cpus == n, vendor == n, model == n, flags == n, lm == n, sse2 == n);
    say("online %d\n", access("/sys/devices/system/cpu/online", R_OK));
    say("cpu0 %d\n", access("/sys/devices/system/cpu/cpu0", R_OK));
}
