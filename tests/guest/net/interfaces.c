// ioctls of sockets: the loopback's name, index, flags, address and MTU, SIOCGIFCONF, SIOCINQ, SIOCOUTQ, SIOCATMARK, FIOASYNC's kin.
#include "check.h"
#include <net/if.h>
#include <linux/sockios.h>

int main(void) {
    int s = MUST(socket(AF_INET, SOCK_DGRAM, 0)), n = -1;
    struct ifreq r = {.ifr_name = "lo"};
    VALUE(ioctl(s, SIOCGIFINDEX, &r));
    say("index %d\n", r.ifr_ifindex);
    VALUE(ioctl(s, SIOCGIFFLAGS, &r));
    say("loopback %d\n", !!(r.ifr_flags & IFF_LOOPBACK));
    VALUE(ioctl(s, SIOCGIFMTU, &r));
    say("mtu %d\n", r.ifr_mtu > 1000);
    VALUE(ioctl(s, SIOCGIFHWADDR, &r));
    say("type %d\n", r.ifr_hwaddr.sa_family);
    memset(&r, 0, sizeof r);
    r.ifr_ifindex = 1;
    VALUE(ioctl(s, SIOCGIFNAME, &r));
    say("%s\n", r.ifr_name);
    strcpy(r.ifr_name, "none99");
    VALUE(ioctl(s, SIOCGIFFLAGS, &r));
    char b[4096];
    struct ifconf c = {.ifc_len = sizeof b, .ifc_buf = b};
    VALUE(ioctl(s, SIOCGIFCONF, &c));
    say("whole records %d\n", c.ifc_len % sizeof(struct ifreq) == 0);
    VALUE(if_nametoindex("lo"));
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t l = sizeof a;
    MUST(bind(s, (void *)&a, sizeof a));
    MUST(getsockname(s, (void *)&a, &l));
    VALUE(ioctl(s, SIOCINQ, &n));
    VALUE(n);
    VALUE(sendto(s, "hello", 5, 0, (void *)&a, l));
    struct pollfd f = {s, POLLIN, 0};
    VALUE(poll(&f, 1, 5000));
    VALUE(ioctl(s, SIOCINQ, &n));
    VALUE(n);
    struct timeval t;
    VALUE(ioctl(s, SIOCGSTAMP, &t));
    VALUE(recv(s, b, 5, 0));
    VALUE(ioctl(s, SIOCGSTAMP, &t) == 0 && labs(t.tv_sec - time(NULL)) < 5);
    int p[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    MUST(write(p[0], "abc", 3));
    VALUE(ioctl(p[0], SIOCOUTQ, &n) == 0 && n > 0);
    VALUE(ioctl(p[1], FIONREAD, &n));
    VALUE(n);
    n = 1;
    VALUE(ioctl(p[1], FIONBIO, &n));
    VALUE(read(p[1], b, 100));
    VALUE(read(p[1], b, 100));
    VALUE(ioctl(p[1], FIOSETOWN, &(int){getpid()}));
    VALUE(ioctl(p[1], FIOGETOWN, &n) == 0 && n == getpid());
    VALUE(ioctl(s, 0x8999, &n) < 0);
    VALUE(ioctl(s, SIOCGIFCONF, (void *)8));
}
