// Calls that SA_RESTART never makes go on: EINTR of pause, sigtimedwait, semop, msgrcv, epoll_wait, timeouts of sockets.
#include "check.h"
#include <sys/msg.h>
#include <sys/sem.h>
static void handler(int sig, siginfo_t *i, void *c) { (void)sig, (void)i, (void)c; }
#define INTERRUPTED(...) do { pid_t me_ = getpid(); pid_t h_ = CHILD(until_asleep(me_); kill(me_, SIGUSR1)); VALUE(__VA_ARGS__); \
    while (waitpid(h_, NULL, 0) == -1 && errno == EINTR) {} } while (0)
int main(void) {
    handle_with(SIGUSR1, handler, SA_RESTART);
    INTERRUPTED(pause());
    int s[2], e = epoll_create1(0), sem = semget(IPC_PRIVATE, 1, 0600), q = msgget(IPC_PRIVATE, 0600);
    struct epoll_event ev;
    INTERRUPTED(epoll_wait(e, &ev, 1, 20000));
    INTERRUPTED(semop(sem, &(struct sembuf){0, -1, 0}, 1));
    struct { long t; char b[8]; } m;
    INTERRUPTED(msgrcv(q, &m, 8, 0, 0));
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    struct timeval t = {20, 0};
    setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    char c;
    INTERRUPTED(recv(s[0], &c, 1, 0));
    struct mmsghdr mm = {};
    struct iovec v = {&c, 1};
    mm.msg_hdr.msg_iov = &v, mm.msg_hdr.msg_iovlen = 1;
    INTERRUPTED(recvmmsg(s[0], &mm, 1, 0, NULL));
    sigset_t w = set_of(SIGUSR2, 0);
    INTERRUPTED(sigtimedwait(&w, NULL, &(struct timespec){20, 0}));
    INTERRUPTED(usleep(5000000));
    semctl(sem, 0, IPC_RMID);
    msgctl(q, IPC_RMID, NULL);
}
