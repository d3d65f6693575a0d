// Which descriptors survive exec, and that the numbers stay.
#include "check.h"

int main(int argc, char **argv) {
    if (argc > 1) {
        for (int fd = 3; fd < 200; fd++) if (fcntl(fd, F_GETFD) != -1) say("open %d flags %d\n", fd, fcntl(fd, F_GETFD));
        for (int n = 0; n < 2; n++) { int fd = open("/dev/null", O_RDONLY); say("next %d\n", fd); }
        return 0;
    }
    for (int fd = 3; fd < 200; fd++) close(fd);
    open("/dev/null", O_RDONLY);
    open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(3, 10);
    dup3(3, 11, O_CLOEXEC);
    fcntl(3, F_DUPFD, 20);
    fcntl(3, F_DUPFD_CLOEXEC, 30);
    dup2(3, 100);
    fcntl(100, F_SETFD, FD_CLOEXEC);
    int p[2];
    pipe2(p, O_CLOEXEC);
    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    execv("/proc/self/exe", (char *[]){argv[0], "again", NULL});
}
