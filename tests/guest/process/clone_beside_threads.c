// Processes made by clone(2) in namespaces of their own, while other threads do what allocates.
#include "check.h"

static volatile int stop;

static void *busy(void *x) {
    (void)x;
    while (!stop) {
        // Code that is new each time, files and mappings.
        unsigned char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        static const unsigned char returns[] = {0x31, 0xc0, 0xc3};
        for (int i = 0; i < 8; i++) {
            memcpy(code + i * 16, returns, sizeof returns);
            if (((int (*)(void))(code + i * 16))() != 0) abort();
        }
        munmap(code, 4096);
        int fd = open("/proc/self/stat", O_RDONLY);
        char b[64];
        if (read(fd, b, 64) < 0) abort();
        close(fd);
    }
    return NULL;
}

int main(void) {
    if (getuid() != 0) { say("not root\n"); return 0; }
    int n = 100, right = 0;
    pthread_t t[3];
    for (int i = 0; i < 3; i++) pthread_create(&t[i], NULL, busy, NULL);
    for (int i = 0; i < n; i++) {
        alarm(20);
        long p = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
        if (p < 0) { say("clone: %s\n", error_name(errno)); break; }
        if (p == 0) {
            alarm(10);
            char b[64];
            int fd = open("/proc/self/stat", O_RDONLY);
            _exit(read(fd, b, 64) > 0 ? 7 : 1);
        }
        int s;
        waitpid(p, &s, 0);
        right += WIFEXITED(s) && WEXITSTATUS(s) == 7;
    }
    stop = 1;
    for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
    say("%d of %d\n", right, n);
    return 0;
}
