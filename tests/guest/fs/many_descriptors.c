// More descriptors than 16,384, however they are made: all of them work.
#include "check.h"
#include <sys/eventfd.h>

enum { MOST = 16700 };

static int works(int fd) { return fcntl(fd, F_GETFD) >= 0; }

int main(void) {
    struct rlimit l;
    getrlimit(RLIMIT_NOFILE, &l);
    l.rlim_cur = l.rlim_max;
    MUST(setrlimit(RLIMIT_NOFILE, &l));
    if (l.rlim_max < MOST + 100) {
        say("the limit is too low\n");
        return 0;
    }
    static char made[MOST + 100];
    int s[2], wrong = 0, twice = 0, kept = 0;
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    for (int n = 0, most = 0; most < MOST; n++) {
        int fd[2] = {-1, -1};
        int many = most > 16000;
        if (n % 7 == 0 || !many) fd[0] = MUST(dup(s[0]));
        else if (n % 7 == 1) MUST(pipe(fd));
        else if (n % 7 == 2) MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd));
        else if (n % 7 == 3) fd[0] = MUST(open("/dev/null", O_RDWR | O_CLOEXEC));
        else if (n % 7 == 4) fd[0] = MUST(eventfd(0, 0));
        else if (n % 7 == 5) fd[0] = MUST(fcntl(0, F_DUPFD, 0));
        else {
            union { char room[CMSG_SPACE(2 * sizeof(int))]; struct cmsghdr h; } c = {.h = {CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
            memcpy(CMSG_DATA(&c.h), s, sizeof s);
            char b = 0;
            struct iovec v = {&b, 1};
            struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c};
            MUST(sendmsg(s[0], &m, 0));
            MUST(recvmsg(s[1], &m, MSG_CMSG_CLOEXEC));
            memcpy(fd, CMSG_DATA(&c.h), sizeof fd);
        }
        for (int i = 0; i < 2; i++) {
            if (fd[i] < 0) continue;
            wrong += !works(fd[i]);
            kept += fd[i] > 100 && n % 7 == 3 && many && fcntl(fd[i], F_GETFD) != FD_CLOEXEC;
            twice += made[fd[i]]++;
            most = fd[i] > most ? fd[i] : most;
        }
    }
    say("wrong %d, twice %d, without close-on-exec %d\n", wrong, twice, kept);
    reap("child", CHILD(
        int p[2];
        MUST(pipe(p));
        write(p[1], "x", 1);
        char c = 0;
        read(p[0], &c, 1);
        say("%c\n", c)));
    execl("/bin/echo", "echo", "another program", NULL);
}
