// A route netlink socket: the loopback device's link message, acknowledgements with errors, addresses of the socket.
#include "check.h"
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

int main(void) {
    int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (s < 0) { say("%s\n", error_name(errno)); return 0; }
    struct sockaddr_nl a = {.nl_family = AF_NETLINK}, got;
    socklen_t len = sizeof got;
    VALUE(bind(s, (void *)&a, sizeof a));
    VALUE(getsockname(s, (void *)&got, &len));
    say("family %d pid %d len %d\n", got.nl_family, got.nl_pid != 0, (int)len);
    struct { struct nlmsghdr h; struct ifinfomsg i; } q = {{sizeof q, RTM_GETLINK, NLM_F_REQUEST, 5, 0}, {.ifi_index = 1}};
    VALUE(send(s, &q, sizeof q, 0));
    static char b[32768];
    ssize_t n = recv(s, b, sizeof b, 0);
    struct nlmsghdr *h = (void *)b;
    say("type %d seq %u whole %d\n", h->nlmsg_type, h->nlmsg_seq, NLMSG_OK(h, n));
    if (h->nlmsg_type == RTM_NEWLINK) {
        struct ifinfomsg *i = NLMSG_DATA(h);
        int rest = IFLA_PAYLOAD(h);
        say("index %d type %d loopback %d\n", i->ifi_index, i->ifi_type, !!(i->ifi_flags & 8));
        for (struct rtattr *r = IFLA_RTA(i); RTA_OK(r, rest); r = RTA_NEXT(r, rest))
            if (r->rta_type == IFLA_IFNAME) say("name %s\n", (char *)RTA_DATA(r));
    }
    q.i.ifi_index = 987654;
    q.h.nlmsg_flags |= NLM_F_ACK;
    VALUE(send(s, &q, sizeof q, 0));
    n = recv(s, b, sizeof b, 0);
    struct nlmsgerr *e = NLMSG_DATA(h);
    say("type %d error %s\n", h->nlmsg_type, error_name(-e->error));
    q.h = (struct nlmsghdr){sizeof q, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 6, 0};
    q.i.ifi_index = 0;
    VALUE(send(s, &q, sizeof q, 0));
    int links = 0, done = 0;
    while (!done && (n = recv(s, b, sizeof b, 0)) > 0)
        for (h = (void *)b; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) { links += h->nlmsg_type == RTM_NEWLINK; done |= h->nlmsg_type == NLMSG_DONE; }
    say("links %d done %d\n", links > 0, done);
    VALUE(socket(AF_NETLINK, SOCK_RAW, 99));
    VALUE(connect(s, (void *)&a, 3));
}
