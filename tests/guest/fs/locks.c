// POSIX record locks, open file description locks and flock: conflicts, F_GETLK, release at close, EDEADLK.
#include "check.h"
static struct flock l(short type, off_t start, off_t len) { return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len}; }
int main(void) {
    int fd = open("f", O_RDWR | O_CREAT, 0644), fd2 = open("f", O_RDWR);
    struct flock a = l(F_WRLCK, 10, 10), b = l(F_RDLCK, 15, 10), c;
    VALUE(fcntl(fd, F_SETLK, &a));
    VALUE(fcntl(fd2, F_SETLK, &b));
    c = l(F_WRLCK, 0, 0);
    pid_t me = getpid();
    reap("other", CHILD(
        VALUE(fcntl(fd, F_GETLK, &c));
        say("type %d start %ld len %ld by the parent %d\n", c.l_type, (long)c.l_start, (long)c.l_len, c.l_pid == me);
        c = l(F_WRLCK, 12, 1);
        VALUE(fcntl(fd, F_SETLK, &c));
        c = l(F_WRLCK, 30, 5);
        VALUE(fcntl(fd, F_SETLK, &c))));
    c = l(F_WRLCK, 0, 0);
    VALUE(fcntl(fd, F_OFD_GETLK, &c));
    say("conflict type %d pid %d\n", c.l_type, c.l_pid == -1 ? -1 : c.l_pid == me);
    close(fd2);
    reap("after a close", CHILD(c = l(F_WRLCK, 0, 0); VALUE(fcntl(fd, F_SETLK, &c))));
    fd2 = open("f", O_RDWR);
    c = l(F_WRLCK, 0, 5);
    VALUE(fcntl(fd, F_OFD_SETLK, &c));
    VALUE(fcntl(fd2, F_OFD_SETLK, &c));
    VALUE(fcntl(fd2, F_OFD_GETLK, &c));
    say("type %d pid %d\n", c.l_type, c.l_pid);
    VALUE(flock(fd, LOCK_EX));
    VALUE(flock(fd2, LOCK_SH | LOCK_NB));
    VALUE(flock(dup(fd), LOCK_SH | LOCK_NB));
    VALUE(flock(fd2, LOCK_SH | LOCK_NB));
    VALUE(flock(fd, 99));
    a = l(77, 0, 1);
    VALUE(fcntl(fd, F_SETLK, &a));
    VALUE(fcntl(fd, F_SETLK, 8));
    a = l(F_WRLCK, 0, 1);
    a.l_whence = 9;
    VALUE(fcntl(fd, F_SETLK, &a));
    struct gate g = gate_make();
    int e = open("e", O_RDWR | O_CREAT, 0644);
    a = l(F_WRLCK, 0, 1);
    fcntl(e, F_SETLK, &a);
    pid_t child = CHILD(a = l(F_WRLCK, 1, 1); fcntl(e, F_SETLK, &a); gate_open(g); a = l(F_WRLCK, 0, 1); say("child gets it %d\n", fcntl(e, F_SETLKW, &a)));
    gate_wait(g);
    until_asleep(child);
    a = l(F_WRLCK, 1, 1);
    VALUE(fcntl(e, F_SETLKW, &a));
    close(e);
    reap("child", child);
}
