// The signal sets in /proc/self/status are the program's: blocked, ignored, caught, pending.
#include "check.h"
static void handler(int sig) { (void)sig; }
static void show(const char *name) {
    char b[8192];
    int fd = open("/proc/self/status", O_RDONLY);
    b[read(fd, b, sizeof b - 1)] = 0;
    close(fd);
    char *l = strstr(b, name);
    // Above 31 they are the C library's, and a test runner's.
    say("%s %#lx\n", name, l ? strtoul(l + strlen(name), NULL, 16) & 0x7fffffff : 0);
}
int main(void) {
    const char *all[] = {"SigPnd:", "ShdPnd:", "SigBlk:", "SigIgn:", "SigCgt:"};
    for (int round = 0; round < 2; round++) {
        for (int n = 0; n < 5; n++) show(all[n]);
        signal(SIGUSR1, handler);
        signal(SIGSEGV, handler);
        signal(SIGUSR2, SIG_IGN);
        signal(SIGFPE, SIG_IGN);
        block(SIGHUP, SIGTERM);
        block(SIGSEGV, SIGBUS);
        raise(SIGHUP);
        kill(getpid(), SIGTERM);
    }
}
