// The title of a process: /proc/PID/cmdline and environ are its memory, which it writes to, or says with PR_SET_MM lies elsewhere.
// qemu-user: its /proc/self/stat does not say where a program lies, and nothing of other processes is to be seen
#include "check.h"
// rootfs: too

struct map { uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack, arg_start, arg_end, env_start, env_end, auxv;
             uint32_t auxv_size, exe_fd; };

static void show(const char *what, const char *path) {
    char b[200];
    int fd = MUST(open(path, O_RDONLY));
    ssize_t n = read(fd, b, sizeof b);
    for (int k = 0; k < n; k++) if (!b[k]) b[k] = '|';
    say("%s: %zd %.*s\n", what, n, n < 60 ? (int)n : 60, b);
    close(fd);
}
static void show_both(const char *what) {
    char path[64];
    show(what, "/proc/self/cmdline");
    snprintf(path, sizeof path, "/proc/%d/cmdline", getpid());
    reap("child", CHILD(show("seen by the child", path)));
}
// As /proc/self/stat has it.
static struct map now(void) {
    struct map m = {.exe_fd = -1};
    char b[2048], *p = b;
    int fd = MUST(open("/proc/self/stat", O_RDONLY));
    b[MUST(read(fd, b, sizeof b - 1))] = 0;
    close(fd);
    p = strrchr(b, ')') + 1;
    for (int n = 3; p && *p; n++) {
        uint64_t v = strtoull(p + 1, NULL, 10);
        switch (n) {
        case 26: m.start_code = v; break;
        case 27: m.end_code = v; break;
        case 28: m.start_stack = v; break;
        case 45: m.start_data = v; break;
        case 46: m.end_data = v; break;
        case 47: m.start_brk = v; break;
        case 48: m.arg_start = v; break;
        case 49: m.arg_end = v; break;
        case 50: m.env_start = v; break;
        case 51: m.env_end = v; break;
        }
        p = strchr(p + 1, ' ');
    }
    m.brk = (uint64_t)sbrk(0);
    return m;
}
static long set(struct map m) { return prctl(PR_SET_MM, PR_SET_MM_MAP, &m, sizeof m, 0); }

static void titles(char **argv, char **envp) {
    show_both("as executed");
    show("environment", "/proc/self/environ");
    strcpy(argv[0], "in");
    show_both("shorter");
    memset(argv[0], 'x', 12);
    show_both("all of it");
    // A longer title goes on where the environment was.
    strcpy(argv[0], "a title of its own");
    show_both("longer");
    show("environment", "/proc/self/environ");
    say("%d %s\n", envp[0] == argv[0] + 13, envp[0]);
}

int main(int argc, char **argv, char **envp) {
    if (argc == 1)
        execve("/proc/self/exe", (char *[]){"program", "one", "", NULL}, (char *[]){"A=environment", "B=2", NULL});
    titles(argv, envp);
    unsigned size = 0;
    VALUE(prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0));
    say("size %u\n", size);
    struct map old = now(), m = old;
    // Linux shows no memory that is a file's.
    static const char text[] = "elsewhere\0two", vars[] = "C=3\0D=4";
    char *to = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(to, text, sizeof text), memcpy(to + 100, vars, sizeof vars);
    m.arg_start = (uint64_t)to, m.arg_end = m.arg_start + sizeof text;
    m.env_start = m.arg_start + 100, m.env_end = m.env_start + sizeof vars;
    VALUE(set(m));
    show_both("moved");
    show("environment", "/proc/self/environ");
    struct map got = now();
    say("as said: %d\n", !memcmp(&got, &m, sizeof m));
    // Its last byte is no NUL, and the environment does not follow.
    m.arg_end -= 2;
    VALUE(set(m));
    show("cut", "/proc/self/cmdline");
    // More than there is memory.
    m.arg_start = 0x10000, m.arg_end = 1UL << 46;
    VALUE(set(m));
    show("nothing there", "/proc/self/cmdline");
    m.arg_start = (uint64_t)to;
    m.arg_end = m.arg_start;
    VALUE(set(m));
    show("none", "/proc/self/cmdline");
    // The program break.
    m = old;
    m.brk += 0x1000;
    VALUE(set(m));
    say("moved by %ld\n", (long)(syscall(SYS_brk, 0) - old.brk));
    VALUE(set(old));
    say("moved by %ld\n", (long)(syscall(SYS_brk, 0) - old.brk));

#define REFUSED(field, value) do { m = old; m.field = value; say(#field " = " #value ": "); VALUE(set(m)); } while (0)
    REFUSED(arg_start, old.arg_end + 1);
    REFUSED(env_end, old.env_start - 1);
    REFUSED(end_code, old.start_code);
    REFUSED(end_data, old.start_data - 1);
    REFUSED(brk, old.start_brk - 1);
    REFUSED(start_stack, 1);
    REFUSED(start_stack, 1UL << 63);
    REFUSED(auxv_size, 16);
    REFUSED(exe_fd, 99);
    struct map v = old;
    uint64_t auxv[60] = {17, 100, 0, 0};
    v.auxv = (uint64_t)auxv, v.auxv_size = sizeof auxv;
    VALUE(set(v));
    v.auxv_size = 32;
    VALUE(set(v));
    char b[64];
    int fd = MUST(open("/proc/self/auxv", O_RDONLY));
    say("%zd bytes of auxv\n", read(fd, b, sizeof b));
    VALUE(prctl(PR_SET_MM, PR_SET_MM_MAP, &old, sizeof old - 1, 0));
    VALUE(prctl(PR_SET_MM, PR_SET_MM_MAP, 8, sizeof old, 0));
    VALUE(prctl(PR_SET_MM, PR_SET_MM_MAP, &old, sizeof old, 1));
    VALUE(prctl(PR_SET_MM, PR_SET_MM_ARG_START, old.arg_start, 1, 0));
    // With CAP_SYS_RESOURCE in the first user namespace one number at a time can be set.
    VALUE(prctl(PR_SET_MM, PR_SET_MM_ARG_START, old.arg_start + 1, 0, 0));
    VALUE(prctl(PR_SET_MM, PR_SET_MM_ARG_START, 1, 0, 0));
    VALUE(prctl(PR_SET_MM, PR_SET_MM_START_CODE, old.end_code, 0, 0));
    VALUE(prctl(PR_SET_MM, 99, old.end_code, 0, 0));
    VALUE(prctl(PR_SET_MM, PR_SET_MM_EXE_FILE, 99, 0, 0));
    show("at last", "/proc/self/cmdline");
    return 0;
}
