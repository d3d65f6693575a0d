// fsync, fdatasync, syncfs, sync_file_range, sync: what they take and refuse; readahead and posix_fadvise.
#include "check.h"

int main(void) {
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0600)), p[2], dir = MUST(open(".", O_RDONLY)), path = MUST(open("f", O_PATH));
    MUST(pipe(p));
    MUST(write(fd, "data", 4));
    VALUE(fsync(fd));
    VALUE(fdatasync(fd));
    VALUE(fsync(dir));
    VALUE(fsync(p[0]));
    VALUE(fsync(path));
    VALUE(fdatasync(1000));
    VALUE(syncfs(fd));
    VALUE(syncfs(1000));
    VALUE(sync_file_range(fd, 0, 4, SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER));
    VALUE(sync_file_range(fd, 0, 4, 64));
    VALUE(sync_file_range(fd, -1, 4, 0));
    VALUE(sync_file_range(p[0], 0, 4, SYNC_FILE_RANGE_WRITE));
    VALUE(readahead(fd, 0, 4));
    VALUE(readahead(p[0], 0, 4));
    VALUE(readahead(1000, 0, 4));
    int w = MUST(open("f", O_WRONLY));
    VALUE(readahead(w, 0, 4));
    RETURNS(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
    RETURNS(posix_fadvise(fd, 0, 4, POSIX_FADV_DONTNEED));
    RETURNS(posix_fadvise(fd, 0, -4, POSIX_FADV_NORMAL));
    RETURNS(posix_fadvise(fd, 0, 4, 99));
    RETURNS(posix_fadvise(p[0], 0, 4, POSIX_FADV_NORMAL));
    RETURNS(posix_fadvise(1000, 0, 4, POSIX_FADV_NORMAL));
}
