// lseek with holes, pread and pwrite keep the offset, preadv2 flags, fallocate, O_APPEND.
#include "check.h"
int main(void) {
    int fd = open("f", O_RDWR | O_CREAT, 0644), p[2];
    pipe(p);
    char b[20];
    VALUE(pwrite(fd, "x", 1, 100000));
    VALUE(lseek(fd, 0, SEEK_CUR));
    VALUE(lseek(fd, 0, SEEK_HOLE));
    VALUE(lseek(fd, 0, SEEK_DATA) >= 65536);
    VALUE(lseek(fd, 200000, SEEK_DATA));
    VALUE(lseek(fd, -1, SEEK_SET));
    VALUE(lseek(fd, 0, 77));
    VALUE(lseek(p[0], 0, SEEK_CUR));
    VALUE(lseek(fd, 0x7fffffffffffffff, SEEK_SET));
    VALUE(pread(fd, b, 10, -1));
    VALUE(pread(p[0], b, 10, 0));
    struct iovec v = {b, 5};
    VALUE(preadv2(fd, &v, 1, 99999, RWF_NOWAIT) > 0 || errno == EAGAIN || errno == EOPNOTSUPP);
    VALUE(preadv2(fd, &v, 1, 0, 0x4000));
    lseek(fd, 3, SEEK_SET);
    VALUE(preadv2(fd, &v, 1, -1, 0));
    VALUE(lseek(fd, 0, SEEK_CUR));
    VALUE(pwritev2(fd, &v, 1, 0, RWF_APPEND));
    VALUE(lseek(fd, 0, SEEK_END));
    VALUE(fallocate(fd, 0, 200000, 10));
    VALUE(lseek(fd, 0, SEEK_END));
    VALUE(fallocate(fd, FALLOC_FL_KEEP_SIZE, 300000, 10));
    VALUE(lseek(fd, 0, SEEK_END));
    VALUE(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    VALUE(fallocate(fd, 0, -1, 10));
    VALUE(fallocate(fd, 0x4000, 0, 10));
    VALUE(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
    VALUE(posix_fadvise(fd, 0, 0, 77));
    VALUE(posix_fadvise(p[0], 0, 0, 0));
    VALUE(sync_file_range(fd, 0, 100, SYNC_FILE_RANGE_WRITE));
    VALUE(ftruncate(fd, -5));
    VALUE(ftruncate(p[0], 0));
    int ap = open("f", O_WRONLY | O_APPEND);
    VALUE(pwrite(ap, "z", 1, 0));
    VALUE(lseek(ap, 0, SEEK_END));
    VALUE(read(ap, b, 1));
    VALUE(write(open("f", O_RDONLY), b, 1));
    VALUE(read(open(".", O_RDONLY), b, 1));
}
