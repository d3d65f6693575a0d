// Unix datagrams and seqpackets: boundaries, truncation, MSG_TRUNC, MSG_PEEK, addresses, sendmmsg and recvmmsg.
#include "check.h"
int main(void) {
    int s[2];
    char b[100] = {};
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    send(s[0], "one", 3, 0), send(s[0], "two and more", 12, 0), send(s[0], "", 0, 0), send(s[0], "last", 4, 0);
    VALUE(recv(s[1], b, 100, MSG_PEEK));
    VALUE(recv(s[1], b, 100, 0));
    VALUE(recv(s[1], b, 4, MSG_TRUNC));
    VALUE(recv(s[1], b, 100, 0));
    VALUE(recv(s[1], b, 2, 0));
    VALUE(recv(s[1], b, 2, MSG_DONTWAIT));
    struct mmsghdr m[4] = {};
    struct iovec v[4];
    char r[4][10] = {};
    for (int n = 0; n < 4; n++) { v[n] = (struct iovec){(char *[]){"a", "bb", "ccc", "dddd"}[n], n + 1}; m[n].msg_hdr.msg_iov = &v[n]; m[n].msg_hdr.msg_iovlen = 1; }
    VALUE(sendmmsg(s[0], m, 4, 0));
    say("%u %u %u %u\n", m[0].msg_len, m[1].msg_len, m[2].msg_len, m[3].msg_len);
    for (int n = 0; n < 4; n++) v[n] = (struct iovec){r[n], 9};
    VALUE(recvmmsg(s[1], m, 3, 0, NULL));
    VALUE(recvmmsg(s[1], m + 3, 1, MSG_DONTWAIT, &(struct timespec){0, 1000}));
    VALUE(recvmmsg(s[1], m, 3, MSG_DONTWAIT, NULL));
    say("%s %s %s %s\n", r[0], r[1], r[2], r[3]);
    m[2].msg_hdr.msg_iov = (void *)8;
    VALUE(sendmmsg(s[0], m, 4, 0));
    int on = 0, type;
    socklen_t l = 4;
    VALUE(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &type, &l));
    VALUE(type);
    VALUE(getsockopt(s[0], SOL_SOCKET, SO_DOMAIN, &type, &l));
    VALUE(type);
    VALUE(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &on, 2));
    VALUE(setsockopt(s[0], SOL_SOCKET, 7777, &on, 4));
    VALUE(getsockopt(s[0], 77, 1, &on, &l));
    struct timeval t = {1, 500000};
    VALUE(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
    t = (struct timeval){0, 5000};
    setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    VALUE(recv(s[0], b, 1, 0));
    struct linger g = {1, 5};
    VALUE(setsockopt(s[0], SOL_SOCKET, SO_LINGER, &g, sizeof g));
    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s);
    send(s[0], "packet", 6, MSG_EOR);
    VALUE(recv(s[1], b, 3, 0));
    close(s[0]);
    VALUE(recv(s[1], b, 3, 0));
}
