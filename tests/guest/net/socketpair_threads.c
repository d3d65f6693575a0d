// Blocking sends and receives between threads and processes: every byte arrives, in order.
#include "check.h"
static int s[2];
static void *writer(void *x) {
    for (int n = 0; n < 2000; n++) { char b[100]; memset(b, n, 100); MUST(send(s[0], b, 1 + n % 100, 0)); }
    shutdown(s[0], SHUT_WR);
    return x;
}
int main(void) {
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    pthread_t t;
    pthread_create(&t, NULL, writer, NULL);
    long total = 0, sum = 0;
    char b[777];
    for (ssize_t n; (n = recv(s[1], b, sizeof b, 0)) > 0; total += n) for (int k = 0; k < n; k++) sum = sum * 31 + (unsigned char)b[k];
    pthread_join(t, NULL);
    say("bytes %ld sum %#lx\n", total, sum);
    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s);
    pid_t p = CHILD(for (int n = 0; n < 500; n++) send(s[0], b, 1 + n % 700, 0));
    close(s[0]);
    int packets = 0;
    long bytes = 0;
    for (ssize_t n; (n = recv(s[1], b, sizeof b, 0)) > 0; bytes += n) packets++;
    say("packets %d bytes %ld\n", packets, bytes);
    reap("child", p);
}
