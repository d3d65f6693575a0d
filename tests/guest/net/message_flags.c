// recv and send flags: MSG_PEEK, MSG_TRUNC, MSG_WAITALL, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_OOB, cut control data, shutdown's ways.
#include "check.h"
// qemu-user: does not tell of cut control data

int main(void) {
    char b[64] = "";
    int s[2], d[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, d));
    VALUE(send(s[0], "abcdef", 6, MSG_MORE));
    VALUE(recv(s[1], b, 3, MSG_PEEK));
    VALUE(recv(s[1], b, 4, MSG_WAITALL));
    say("%.4s\n", b);
    pid_t p = CHILD(until_asleep(getppid()); write(s[0], "gh", 2));
    VALUE(recv(s[1], b, 4, MSG_WAITALL));
    say("%.4s\n", b);
    reap("child", p);
    VALUE(recv(s[1], b, 4, MSG_DONTWAIT));
    VALUE(send(d[0], "a long packet", 13, MSG_EOR));
    struct iovec v = {b, 5};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    VALUE(recvmsg(d[1], &m, MSG_PEEK | MSG_TRUNC));
    say("flags %#x\n", m.msg_flags);
    VALUE(recvmsg(d[1], &m, 0));
    say("flags %#x %.5s\n", m.msg_flags, b);
    union { struct cmsghdr h; char room[CMSG_SPACE(3 * sizeof(int))]; } c;
    int fds[3] = {0, 1, 2};
    m = (struct msghdr){.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = CMSG_SPACE(sizeof fds)};
    c.h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fds), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&c.h), fds, sizeof fds);
    VALUE(sendmsg(d[0], &m, 0));
    m.msg_controllen = CMSG_SPACE(sizeof(int));
    VALUE(recvmsg(d[1], &m, MSG_CMSG_CLOEXEC));
    memcpy(fds, CMSG_DATA(&c.h), sizeof(int));
    say("flags %#x one %d cloexec %d\n", m.msg_flags & ~MSG_CMSG_CLOEXEC, (size_t)c.h.cmsg_len <= CMSG_LEN(2 * sizeof(int)), fcntl(fds[0], F_GETFD));
    c.h.cmsg_len = 3;
    m.msg_controllen = sizeof c;
    VALUE(sendmsg(d[0], &m, 0));
    m.msg_control = NULL, m.msg_controllen = 0, m.msg_iovlen = 2000;
    VALUE(sendmsg(d[0], &m, 0));
    VALUE(shutdown(s[0], SHUT_WR));
    VALUE(recv(s[1], b, 4, 0));
    VALUE(send(s[0], "x", 1, MSG_NOSIGNAL));
    VALUE(send(s[1], "x", 1, 0));
    VALUE(shutdown(s[1], 7));
    VALUE(shutdown(s[1], SHUT_RDWR));
    struct pollfd f = {s[0], POLLIN | POLLRDHUP, 0};
    VALUE(poll(&f, 1, 0));
    say("revents %#x\n", f.revents);
    VALUE(recv(d[1], b, 4, MSG_OOB));
    VALUE(send(d[0], "x", 1, MSG_OOB));
    VALUE(recv(d[1], (void *)8, 4, MSG_DONTWAIT));
    VALUE(send(d[0], (void *)8, 4, 0));
}
