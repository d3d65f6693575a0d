// SA_RESTART on sockets and pipes: accept, recvmsg, sendmsg and write that found no room go on; without it they end.
#include "interrupted.h"

static void fill(int fd) {
    static char b[4096];
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (write(fd, b, sizeof b) > 0) {}
    fcntl(fd, F_SETFL, 0);
}

static void drain(int fd) {
    static char b[4096];
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (read(fd, b, sizeof b) > 0) {}
    fcntl(fd, F_SETFL, 0);
}

int main(void) {
    parent = getpid();
    for (int round = 0; round < 2; round++) {
        say("SA_RESTART: %d\n", round);
        handle_with(SIGUSR1, handler, round ? SA_RESTART : 0);
        struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "s"};
        unlink("s");
        int l = MUST(socket(AF_UNIX, SOCK_STREAM, 0)), s[2], p[2];
        MUST(bind(l, (void *)&a, sizeof a));
        MUST(listen(l, 4));
        INTERRUPTED("accept", int c = socket(AF_UNIX, SOCK_STREAM, 0); connect(c, (void *)&a, sizeof a); pause(), accept(l, NULL, NULL) >= 0 ? 1 : -1);
        INTERRUPTED("accept4", int c = socket(AF_UNIX, SOCK_STREAM, 0); connect(c, (void *)&a, sizeof a); pause(), accept4(l, NULL, NULL, SOCK_CLOEXEC) >= 0 ? 1 : -1);
        MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
        char c = 'x';
        struct iovec v = {&c, 1};
        struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
        INTERRUPTED("recvmsg", write(s[1], "y", 1), recvmsg(s[0], &m, 0));
        drain(s[0]);
        INTERRUPTED("readv", write(s[1], "y", 1), readv(s[0], &v, 1));
        drain(s[0]);
        fill(s[0]);
        INTERRUPTED("sendmsg", drain(s[1]), sendmsg(s[0], &m, 0));
        MUST(pipe(p));
        fill(p[1]);
        INTERRUPTED("write", drain(p[0]), write(p[1], &c, 1));
        drain(p[0]);
        fill(p[1]);
        INTERRUPTED("writev", drain(p[0]), writev(p[1], &v, 1));
        close(l), close(s[0]), close(s[1]), close(p[0]), close(p[1]);
    }
}
