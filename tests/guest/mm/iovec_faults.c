// readv, writev and their kin with a bad pointer in the middle: what was done until there counts (EFAULT only for nothing).
#include "check.h"

int main(void) {
    char *a = map_pages(3, PROT_READ | PROT_WRITE), *bad = (char *)8;
    munmap(a + 2 * PAGE, PAGE);
    memset(a, 'q', 2 * PAGE);
    int fd = open("f", O_RDWR | O_CREAT, 0644), zero = open("/dev/zero", O_RDONLY), p[2], s[2];
    pipe2(p, O_NONBLOCK);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    struct iovec middle[3] = {{a, 10}, {bad, 10}, {a, 10}}, first[2] = {{bad, 10}, {a, 10}}, edge[2] = {{a, 4}, {a + 2 * PAGE - 6, 20}}, none[1] = {{bad, 0}};
    VALUE(writev(fd, middle, 3));
    VALUE(writev(fd, first, 2));
    VALUE(writev(fd, edge, 2));
    VALUE(writev(fd, none, 1));
    VALUE(write(fd, a + 2 * PAGE - 3, 10));
    VALUE(write(fd, a + 2 * PAGE, 1));
    VALUE(lseek(fd, 0, SEEK_END));
    VALUE(writev(p[1], middle, 3));
    VALUE(write(p[1], a + 2 * PAGE - 7, 100));
    int queued = 0;
    ioctl(p[0], FIONREAD, &queued);
    say("in the pipe %d\n", queued);
    VALUE(readv(zero, middle, 3));
    VALUE(readv(zero, edge, 2));
    VALUE(pread(fd, a + 2 * PAGE - 5, 100, 0));
    VALUE(read(p[0], bad, 5));
    ioctl(p[0], FIONREAD, &queued);
    say("in the pipe %d\n", queued);
    VALUE(send(s[0], a + 2 * PAGE - 5, 50, MSG_DONTWAIT));
    VALUE(send(s[0], "0123456789", 10, 0));
    VALUE(recv(s[1], bad, 5, MSG_DONTWAIT));
    VALUE(recv(s[1], a, 100, MSG_DONTWAIT));
    VALUE(readv(zero, (void *)8, 1));
    VALUE(readv(zero, middle, -1));
    VALUE(readv(zero, middle, 1025));
    VALUE(readv(zero, middle, 0));
    struct iovec huge[2] = {{a, -1}, {a, 1}}, sum[2] = {{a, LONG_MAX}, {a, LONG_MAX}};
    VALUE(readv(zero, huge, 2));
    VALUE(readv(zero, sum, 1) > 0 || errno == EFAULT);
    VALUE(syscall(SYS_getrandom, a + 2 * PAGE - 8, 100, 0));
    VALUE(getcwd(bad, 100) == NULL);
    VALUE(syscall(SYS_getcwd, bad, 100));
    VALUE(syscall(SYS_newfstatat, AT_FDCWD, "f", bad, 0));
    VALUE(syscall(SYS_uname, bad));
    VALUE(syscall(SYS_pipe2, bad, 0));
    VALUE(syscall(SYS_open, bad, 0));
    VALUE(syscall(SYS_readlink, "/proc/self/exe", bad, 10));
    VALUE(syscall(SYS_getdents64, open(".", O_RDONLY), bad, 1000));
    VALUE(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, bad));
    VALUE(syscall(SYS_gettimeofday, bad, NULL));
    VALUE(syscall(SYS_epoll_wait, epoll_create1(0), bad, 1, 0));
}
// qemu-user: looks at whole buffers before it begins
