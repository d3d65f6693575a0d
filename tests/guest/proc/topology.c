// Which processor this is, as getcpu(2), RDTSCP, RDPID, LSL and CPUID say it; and how many there are.
#include "check.h"
#include <cpuid.h>

static long field(const char *name, int processor) {
    static char text[1 << 20];
    file_text("/proc/cpuinfo", text, sizeof text);
    char *at = text;
    char want[64];
    snprintf(want, sizeof want, "processor\t: %d\n", processor);
    at = strstr(text, want);
    if (!at) return -1;
    at = strstr(at, name);
    return at ? strtol(strchr(at, ':') + 1, NULL, 10) : -1;
}

int main(void) {
    cpu_set_t all, one;
    MUST(sched_getaffinity(0, sizeof all, &all));
    say("several allowed %d, online %d\n", CPU_COUNT(&all) >= 1, CPU_COUNT(&all) <= sysconf(_SC_NPROCESSORS_ONLN));
    static char text[1 << 20];
    file_text("/proc/cpuinfo", text, sizeof text);
    int listed = 0;
    for (char *l = text; (l = strstr(l, "processor\t:")); l++) listed++;
    say("listed as many as online %d\n", listed == sysconf(_SC_NPROCESSORS_ONLN));
    for (int n = 0; n < CPU_SETSIZE && n < 64; n++) {
        if (!CPU_ISSET(n, &all)) continue;
        CPU_ZERO(&one);
        CPU_SET(n, &one);
        MUST(sched_setaffinity(0, sizeof one, &one));
        unsigned cpu, node, a, b, c, d, aux;
        MUST(getcpu(&cpu, &node));
        say("processor %d: getcpu %d\n", n, cpu == (unsigned)n);
        unsigned expected = node << 12 | cpu;
        asm volatile("rdtscp" : "=c"(aux) : : "rax", "rdx");
        say("rdtscp %d\n", aux == expected);
        unsigned long limit = 0, selector = 15 * 8 + 3;
        asm volatile("lsl %1, %0" : "+r"(limit) : "r"(selector));
        say("lsl %d\n", limit == expected);
        __cpuid_count(7, 0, a, b, c, d);
        unsigned long pid = expected;
        if (c >> 22 & 1) asm volatile("rdpid %0" : "=r"(pid));
        say("rdpid %d\n", pid == expected);
        __cpuid(1, a, b, c, d);
        say("initial apicid %d\n", (long)(b >> 24) == field("initial apicid", n));
        long siblings = field("siblings", n), cores = field("cpu cores", n);
        say("siblings of cores %d\n", siblings >= cores && cores >= 1 && field("core id", n) >= 0);
        if (siblings > 1) say("cpuid counts %d, htt %d\n", (b >> 16 & 0xff) >= siblings, d >> 28 & 1);
        else say("cpuid counts 1, htt 1\n");
        unsigned x = 0;
        long count = 1;
        for (unsigned level = 0; level < 4; level++) {
            __cpuid_count(0xb, level, a, b, c, d);
            if (c >> 8 == 0) break;
            x = d;
            count = b;
        }
        say("x2apic %d\n", siblings == 1 || (x == field("apicid", n) && count == siblings));
    }
}
