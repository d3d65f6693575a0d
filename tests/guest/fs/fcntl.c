// fcntl(2): duplication, flags, owner, pipe size, seals, leases and what is refused.
#include "check.h"
int main(void) {
    int fd = open("f", O_RDWR | O_CREAT, 0644), p[2];
    pipe(p);
    VALUE(fcntl(fd, F_DUPFD, 40));
    VALUE(fcntl(fd, F_DUPFD_CLOEXEC, 40));
    VALUE(fcntl(41, F_GETFD));
    VALUE(fcntl(fd, F_DUPFD, -1));
    VALUE(fcntl(fd, F_DUPFD, 100000000));
    VALUE(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_SYNC | O_RDONLY));
    say("%#x\n", fcntl(fd, F_GETFL));
    VALUE(fcntl(p[0], F_SETPIPE_SZ, 8192));
    VALUE(fcntl(p[1], F_GETPIPE_SZ));
    VALUE(fcntl(p[0], F_SETPIPE_SZ, 1));
    VALUE(fcntl(fd, F_GETPIPE_SZ));
    VALUE(fcntl(fd, F_GET_SEALS));
    VALUE(fcntl(99, F_GETFD));
    VALUE(fcntl(fd, 9999));
    VALUE(fcntl(fd, F_SETOWN, 1));
    VALUE(fcntl(fd, F_GETOWN));
    close(40), close(41), close(fd);
    fd = open("f", O_RDONLY);
    VALUE(fcntl(fd, F_GETLEASE));
    VALUE(fcntl(fd, F_SETLEASE, F_RDLCK));
    VALUE(fcntl(fd, F_GETLEASE));
    VALUE(fcntl(fd, F_SETLEASE, F_WRLCK));
    VALUE(fcntl(fd, F_SETLEASE, F_UNLCK));
    VALUE(fcntl(fd, F_SETLEASE, 77));
    VALUE(fcntl(open("f", O_PATH), F_SETFL, 0));
    VALUE(dup2(fd, fd));
    VALUE(dup2(99, 99));
    VALUE(dup3(fd, fd, 0));
    VALUE(dup3(fd, 50, O_APPEND));
    VALUE(dup2(fd, -1));
    VALUE(dup2(fd, 100000000));
}
