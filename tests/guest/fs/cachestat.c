// cachestat(2) and name_to_handle_at(2): answers and sizes, refused arguments.
#include "check.h"
// qemu-user: does not know cachestat

int main(void) {
    struct { uint64_t off, len; } range = {0, 0};
    struct { uint64_t cache, dirty, writeback, evicted, recent; } s = {9, 9, 9, 9, 9};
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0600)), p[2];
    MUST(pipe(p));
    static char b[3 * 4096];
    MUST(write(fd, b, sizeof b));
    long r = VALUE(syscall(451, fd, &range, &s, 0));
    if (r == 0) say("cached %d\n", s.cache <= 3);
    VALUE(syscall(451, fd, &range, &s, 1));
    VALUE(syscall(451, p[0], &range, &s, 0) < 0);
    VALUE(syscall(451, 1000, &range, &s, 0));
    VALUE(syscall(451, fd, 8, &s, 0));
    VALUE(syscall(451, fd, &range, 8, 0));
    struct { struct file_handle h; char room[MAX_HANDLE_SZ]; } h = {.h.handle_bytes = 0};
    int mount, other;
    VALUE(name_to_handle_at(AT_FDCWD, "f", &h.h, &mount, 0));
    unsigned bytes = h.h.handle_bytes;
    say("bytes %d\n", bytes > 0 && bytes <= MAX_HANDLE_SZ);
    VALUE(name_to_handle_at(AT_FDCWD, "f", &h.h, &mount, 0));
    VALUE(name_to_handle_at(fd, "", &h.h, &other, AT_EMPTY_PATH));
    say("same mount %d\n", mount == other);
    VALUE(name_to_handle_at(AT_FDCWD, "nowhere", &h.h, &mount, 0));
    VALUE(name_to_handle_at(AT_FDCWD, "f", &h.h, &mount, 0x40000));
    VALUE(name_to_handle_at(AT_FDCWD, "f", (void *)8, &mount, 0));
    h.h.handle_bytes = 5000;
    VALUE(name_to_handle_at(AT_FDCWD, "f", &h.h, &mount, 0));
}
