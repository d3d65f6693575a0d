// Descriptors and credentials over Unix sockets: order, close-on-exec, truncation, many in one message.
#include "check.h"
static int s[2];
static ssize_t pass(int *fds, int n, int level, int type) {
    char room[512] __attribute__((aligned(8))) = {};
    struct iovec v = {"data", 4};
    struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = CMSG_SPACE(n * 4)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    *c = (struct cmsghdr){CMSG_LEN(n * 4), level, type};
    memcpy(CMSG_DATA(c), fds, n * 4);
    return sendmsg(s[0], &h, 0);
}
static void take(size_t space, int flags) {
    char room[512] __attribute__((aligned(8))) = {}, b[10] = {};
    struct iovec v = {b, 10};
    struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = space};
    ssize_t n = recvmsg(s[1], &h, flags);
    say("%zd [%s] flags %#x control %zu\n", n, b, h.msg_flags, h.msg_controllen);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
        say("  level %d type %d len %zu\n", c->cmsg_level, c->cmsg_type, (size_t)c->cmsg_len);
        if (c->cmsg_type == SCM_RIGHTS) for (size_t k = 0; k < (c->cmsg_len - CMSG_LEN(0)) / 4; k++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + 4 * k, 4);
            char t[4] = {};
            say("    fd cloexec %d reads %zd %s\n", fcntl(fd, F_GETFD), pread(fd, t, 3, 0), t);
            close(fd);
        }
        if (c->cmsg_type == SCM_CREDENTIALS) {
            struct ucred u;
            memcpy(&u, CMSG_DATA(c), sizeof u);
            say("    pid %d uid %d gid %d\n", u.pid == getpid(), u.uid == getuid(), u.gid == getgid());
        }
    }
}
int main(void) {
    put_file("a", "aaa"), put_file("b", "bbb");
    int f[3] = {open("a", O_RDONLY), open("b", O_RDONLY), open("a", O_RDONLY)}, bad[2] = {f[0], 99}, on = 1;
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    VALUE(pass(f, 3, SOL_SOCKET, SCM_RIGHTS));
    take(256, 0);
    VALUE(pass(f, 2, SOL_SOCKET, SCM_RIGHTS));
    take(CMSG_SPACE(4), MSG_CMSG_CLOEXEC);
    VALUE(pass(f, 1, SOL_SOCKET, SCM_RIGHTS));
    take(0, 0);
    VALUE(pass(f, 1, SOL_SOCKET, SCM_RIGHTS));
    take(17, 0);
    VALUE(pass(bad, 2, SOL_SOCKET, SCM_RIGHTS));
    VALUE(pass(f, 1, SOL_SOCKET, 77));
    VALUE(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, 4));
    VALUE(send(s[0], "hello", 5, 0));
    take(256, 0);
    VALUE(pass(f, 1, SOL_SOCKET, SCM_RIGHTS));
    take(256, 0);
    int cred[3] = {getpid(), getuid(), getgid()};
    VALUE(pass(cred, 3, SOL_SOCKET, SCM_CREDENTIALS));
    take(256, 0);
    struct msghdr h = {.msg_iov = (void *)8, .msg_iovlen = 1};
    VALUE(sendmsg(s[0], &h, 0));
    VALUE(sendmsg(s[0], (void *)8, 0));
    VALUE(recvmsg(s[1], (void *)8, MSG_DONTWAIT));
    take(256, MSG_DONTWAIT);
}
// qemu-user: does not cut control messages short
