// Socket options and their sizes: timeouts, buffers, lingering, peers, names that do not exist.
#include "check.h"
static void get(int s, int level, int name, const char *what) {
    int v[4] = {};
    socklen_t l = sizeof v;
    int r = getsockopt(s, level, name, v, &l);
    say("%s: %s len %u value %d\n", what, r ? error_name(errno) : "works", r ? 0 : l, r ? 0 : v[0]);
}
int main(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_UNIX, SOCK_DGRAM, 0), one = 1, big = 20000;
    get(s, SOL_SOCKET, SO_REUSEADDR, "REUSEADDR");
    VALUE(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, 4));
    get(s, SOL_SOCKET, SO_REUSEADDR, "REUSEADDR");
    get(s, SOL_SOCKET, SO_ERROR, "ERROR");
    get(s, SOL_SOCKET, SO_PROTOCOL, "PROTOCOL");
    get(s, SOL_SOCKET, SO_ACCEPTCONN, "ACCEPTCONN");
    VALUE(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &one, 4));
    get(s, SOL_SOCKET, SO_KEEPALIVE, "KEEPALIVE");
    VALUE(setsockopt(s, SOL_SOCKET, SO_RCVBUF, &big, 4));
    get(s, SOL_SOCKET, SO_RCVBUF, "RCVBUF");
    VALUE(setsockopt(s, IPPROTO_TCP, TCP_KEEPIDLE, &big, 4));
    get(s, IPPROTO_TCP, TCP_KEEPIDLE, "KEEPIDLE");
    get(u, SOL_SOCKET, SO_TYPE, "TYPE");
    VALUE(setsockopt(u, SOL_SOCKET, SO_PASSCRED, &one, 4));
    get(u, SOL_SOCKET, SO_PASSCRED, "PASSCRED");
    VALUE(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, 3));
    VALUE(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, (void *)8, 4));
    VALUE(setsockopt(99, SOL_SOCKET, SO_REUSEADDR, &one, 4));
    VALUE(setsockopt(0, SOL_SOCKET, SO_REUSEADDR, &one, 4));
    VALUE(listen(u, 5));
    VALUE(shutdown(s, SHUT_RDWR));
}
