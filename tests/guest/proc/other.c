// /proc/PID of another process: its program, arguments and environment.
// qemu-user: shows its own arguments for other processes
#include "check.h"

static void show(const char *what, pid_t p) {
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/%s", p, what);
    int fd = MUST(open(path, O_RDONLY));
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n < 0) n = 0;
    text[n] = 0;
    say("%s:", what);
    for (char *at = text; at < text + n; at += strlen(at) + 1) say(" \"%s\"", strrchr(at, '/') ? strrchr(at, '/') : at);
    say("\n");
}

int main(int argc, char **argv) {
    if (argc > 1) { pause(); return 0; }
    char *args[] = {argv[0], "one", "", "three", NULL};
    // Names that would mean something to others than the program.
    char *env[] = {"A=1", "LD_PRELOAD=", "FELIX_CPU=nothing", "FELIX_EXEC_WRAPPER=/nothing", "FELIX_GUEST_B=2", "GLIBC_TUNABLES=x", "EMPTY=", NULL};
    pid_t p = CHILD(execve("/proc/self/exe", args, env));
    until_asleep(p);
    show("cmdline", p);
    show("environ", p);
    char path[64], link[4096], own[4096];
    snprintf(path, sizeof path, "/proc/%d/exe", p);
    ssize_t n = MUST(readlink(path, link, sizeof link - 1)), m = MUST(readlink("/proc/self/exe", own, sizeof own - 1));
    link[n] = own[m] = 0;
    say("exe the same %d\n", !strcmp(link, own));
    kill(p, SIGTERM);
    reap("child", p);
}
