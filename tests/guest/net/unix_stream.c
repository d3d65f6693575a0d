// Unix stream sockets: names with paths, abstract and none; peers, backlog, errors.
#include "check.h"
static socklen_t name(struct sockaddr_un *a, const char *n) {
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    if (*n == '@') { memcpy(a->sun_path + 1, n + 1, strlen(n) - 1); return 2 + strlen(n); }
    strcpy(a->sun_path, n);
    return 3 + strlen(n);
}
static void show(const char *what, int r, struct sockaddr_un *a, socklen_t l) {
    say("%s: %d family %d len %u [%s]\n", what, r, a->sun_family, l, l <= 2 ? "" : a->sun_path[0] ? a->sun_path : "abstract");
}
int main(void) {
    struct sockaddr_un a, b;
    const char *names[] = {"socket", "@felix-guest-test"};
    for (int n = 0; n < 2; n++) {
        char text[100];
        snprintf(text, sizeof text, n ? "%s-%d" : "%s", names[n], getpid());
        socklen_t l = name(&a, text), k = sizeof b;
        int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
        VALUE(connect(c, (void *)&a, l));
        VALUE(bind(s, (void *)&a, l));
        VALUE(bind(s, (void *)&a, l));
        VALUE(connect(c, (void *)&a, l));
        VALUE(listen(s, 5));
        VALUE(connect(c, (void *)&a, l));
        memset(&b, 0, sizeof b);
        int x = accept(s, (void *)&b, &k);
        show("accepted from", x > 0, &b, k);
        k = sizeof b;
        int r = getpeername(c, (void *)&b, &k);
        if (n) b.sun_path[0] = 0, k = 20;
        show("peer", r, &b, k);
        k = 5;
        VALUE(getsockname(s, (void *)&b, &k));
        say("needs %d\n", n ? 0 : (int)k);
        struct ucred u = {};
        k = sizeof u;
        VALUE(getsockopt(c, SOL_SOCKET, SO_PEERCRED, &u, &k));
        say("cred %d %d\n", u.pid == getpid(), u.uid == getuid());
        close(x);
        char d;
        VALUE(read(c, &d, 1));
        close(s), close(c);
    }
    struct stat st;
    VALUE(stat("socket", &st));
    int e = socket(AF_UNIX, SOCK_STREAM, 0);
    VALUE(connect(e, (void *)&a, 1));
    VALUE(connect(e, (void *)8, 20));
    VALUE(bind(e, (void *)&a, 200));
    VALUE(listen(e, 1));
    VALUE(accept(e, NULL, NULL));
    VALUE(shutdown(e, SHUT_RD));
    VALUE(socket(AF_UNIX, 77, 0));
    VALUE(socket(999, SOCK_STREAM, 0));
    VALUE(accept4(e, NULL, NULL, 77));
    VALUE(getsockname(1, (void *)&b, &(socklen_t){10}));
}
