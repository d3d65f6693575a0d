// poll and select: events of pipes, sockets, closed ends, bad descriptors, timeouts that are written back.
#include "check.h"
int main(void) {
    int p[2], s[2], fd = open("f", O_RDWR | O_CREAT, 0600);
    pipe(p);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    struct pollfd f[6] = {{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}, {s[0], POLLIN | POLLOUT, 0}, {fd, POLLIN | POLLOUT, 0}, {99, POLLIN, 0}, {-1, POLLIN, 77}};
    VALUE(poll(f, 6, 0));
    for (int n = 0; n < 6; n++) say("%d: %#x\n", n, f[n].revents);
    write(p[1], "x", 1);
    write(s[1], "y", 1);
    VALUE(poll(f, 6, -1));
    for (int n = 0; n < 6; n++) say("%d: %#x\n", n, f[n].revents);
    close(p[1]);
    close(s[1]);
    f[1].fd = -1;
    f[2].events |= POLLRDHUP;
    VALUE(poll(f, 6, -1));
    for (int n = 0; n < 6; n++) say("%d: %#x\n", n, f[n].revents);
    VALUE(poll(f, 1UL << 40, 0));
    VALUE(poll(NULL, 0, 1));
    fd_set r, w;
    FD_ZERO(&r);
    FD_ZERO(&w);
    FD_SET(p[0], &r);
    FD_SET(fd, &w);
    struct timeval t = {5, 0};
    VALUE(select(100, &r, &w, NULL, &t));
    say("r %d w %d left %s\n", FD_ISSET(p[0], &r), FD_ISSET(fd, &w), t.tv_sec == 4 || (t.tv_sec == 5 && !t.tv_usec) ? "most" : "odd");
    t = (struct timeval){0, 3000};
    FD_ZERO(&r);
    int q[2];
    pipe(q);
    FD_SET(q[0], &r);
    VALUE(select(q[0] + 1, &r, NULL, NULL, &t));
    say("left %ld %ld set %d\n", t.tv_sec, t.tv_usec, FD_ISSET(q[0], &r));
    // Below 64: what lies behind the end of the kernel's table is not looked at, and 64 is the least it has.
    FD_SET(60, &r);
    VALUE(select(61, &r, NULL, NULL, &t));
    VALUE(select(-1, NULL, NULL, NULL, &t));
    t = (struct timeval){-1, 0};
    VALUE(select(0, NULL, NULL, NULL, &t));
    t = (struct timeval){0, 2000000};
    t.tv_sec = 0;
    VALUE(syscall(SYS_select, 1, NULL, NULL, NULL, 8));
    struct timespec ts = {0, 5000000000};
    VALUE(ppoll(NULL, 0, &ts, NULL));
}
