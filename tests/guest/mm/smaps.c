// /proc/self/smaps, smaps_rollup, statm and stat agree with the program's own view of its memory.
#include "check.h"
// qemu-user: makes smaps and stat up by itself

static char b[300000];
static char *load(const char *p) { file_text(p, b, sizeof b); return b; }

// The value of a field of the mapping at `at`, in kB; its flags.
static long field(const char *file, void *at, const char *name, char *flags) {
    char head[64];
    snprintf(head, sizeof head, "%lx-", (long)at);
    char *l = strstr(load(file), head);
    if (!l) return -2;
    char *f = strstr(l, name), *v = strstr(l, "VmFlags:");
    if (flags && v) snprintf(flags, 100, "%.*s", (int)strcspn(v, "\n"), v);
    return f ? atol(f + strlen(name)) : -3;
}

static int data = 5;
int main(int argc, char **argv) {
    (void)argc;
    char flags[100], path[64];
    // Holes around it keep it by itself.
    char *p = map_pages(12, PROT_NONE);
    munmap(p, 2 * PAGE), munmap(p + 10 * PAGE, 2 * PAGE);
    p += 2 * PAGE;
    mprotect(p, 8 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    memset(p, 1, 3 * PAGE);
    say("Size %ld\n", field("/proc/self/smaps", p, "Size:", flags));
    say("Rss %ld\n", field("/proc/self/smaps", p, "Rss:", NULL));
    say("Private_Dirty %ld\n", field("/proc/self/smaps", p, "Private_Dirty:", NULL));
    say("Anonymous %ld\n", field("/proc/self/smaps", p, "Anonymous:", NULL));
    say("KernelPageSize %ld\n", field("/proc/self/smaps", p, "KernelPageSize:", NULL));
    say("%s rd %d wr %d ex %d\n", strncmp(flags, "VmFlags:", 8) ? "none" : "flags", !!strstr(flags, " rd"), !!strstr(flags, " wr"), !!strstr(flags, " ex"));
    snprintf(path, sizeof path, "/proc/%d/smaps", getpid());
    say("by number %ld\n", field(path, p, "Rss:", NULL));
    say("thread-self %ld\n", field("/proc/thread-self/smaps", p, "Rss:", NULL));
    long total = 0, rss = 0, maps = 0, lines = 0;
    for (char *l = strtok(load("/proc/self/smaps"), "\n"); l; l = strtok(NULL, "\n")) {
        if (!strncmp(l, "Size:", 5)) total += atol(l + 5), maps++;
        if (!strncmp(l, "Rss:", 4)) rss += atol(l + 4);
    }
    for (char *l = load("/proc/self/maps"); (l = strchr(l, '\n')); l++) lines++;
    say("as many as in maps %d\n", lines == maps);
    char *r = load("/proc/self/smaps_rollup");
    if (*r) {
        long start, end, sum = atol(strstr(r, "\nRss:") + 5);
        say("rollup %d %d near %d\n", sscanf(r, "%lx-%lx ---p 00000000 00:00 0", &start, &end), strstr(r, "[rollup]\n") != NULL, labs(sum - rss) <= 200);
        for (const char **f = (const char *[]){"Pss:", "Pss_Anon:", "Pss_File:", "Private_Dirty:", "Swap:", NULL}; *f; f++) say("%s %d\n", *f, strstr(r, *f) != NULL);
        say("Size %d\n", strstr(r, "\nSize:") != NULL);
    }
    long size, resident, shared, text, lib, d, dt;
    say("statm %d", sscanf(load("/proc/self/statm"), "%ld %ld %ld %ld %ld %ld %ld", &size, &resident, &shared, &text, &lib, &d, &dt));
    say(" size near %d lib %ld dt %ld text %d\n", labs(size * 4 - total) <= 200, lib, dt, text > 50 && text < 1000);
    char *s = strrchr(load("/proc/self/stat"), ')') + 2;
    unsigned long f[53] = {0};
    int n = 3;
    for (char *w = strtok(s, " \n"); w && n < 53; w = strtok(NULL, " \n"), n++) f[n] = strtoul(w, NULL, 10);
    say("fields %d vsize near %d\n", n - 1, labs((long)f[23] / 1024 - total) <= 200);
    extern char end[];
    say("code %d data %d bss %d stack %d\n", (unsigned long)main >= f[26] && (unsigned long)main < f[27], (unsigned long)&data >= f[45] && (unsigned long)&data < f[46],
        (unsigned long)end >= f[46], f[28] < (unsigned long)argv && (unsigned long)argv - f[28] < 64);
    say("arguments %d %d environment %d %d heap %d\n", (unsigned long)argv[0] == f[48], (unsigned long)argv[0] + strlen(argv[0]) + 1 == f[49],
        environ[0] ? (unsigned long)environ[0] == f[50] : 1, f[51] >= f[50], f[47] >= (unsigned long)end);
    block(SIGUSR1, SIGSEGV);
    raise(SIGUSR1);
    raise(SIGSEGV);
    signal(SIGHUP, SIG_IGN);
    handle_with(SIGUSR2, (void *)main, 0);
    s = strrchr(load("/proc/self/stat"), ')') + 2;
    n = 3;
    for (char *w = strtok(s, " \n"); w && n < 53; w = strtok(NULL, " \n"), n++) f[n] = strtoul(w, NULL, 10);
    say("pending %#lx blocked %#lx ignored %#lx caught %#lx\n", f[31], f[32], f[33], f[34]);
    r = load("/proc/self/status");
    say("VmSize near %d VmExe %d\n", labs(atol(strstr(r, "VmSize:") + 7) - total) <= 200, atol(strstr(r, "VmExe:") + 6) == text * 4);
}
