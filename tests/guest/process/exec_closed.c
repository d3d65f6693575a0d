// A program started without standard descriptors has none.
#include "check.h"
int main(int argc, char **argv) {
    if (argc > 1) {
        int open_ones = 0;
        for (int fd = 0; fd < 3; fd++) open_ones |= (fcntl(fd, F_GETFD) >= 0) << fd;
        return open_ones;
    }
    for (int closed = 0; closed < 8; closed++) {
        pid_t p = fork();
        if (p == 0) {
            for (int fd = 0; fd < 3; fd++) if (closed >> fd & 1) close(fd);
            char *arguments[] = {argv[0], "again", NULL};
            execv("/proc/self/exe", arguments);
            _exit(99);
        }
        int status;
        waitpid(p, &status, 0);
        say("closed %d: open %d\n", closed, WEXITSTATUS(status));
    }
}
