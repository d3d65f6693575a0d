// rootfs: too
// Descriptors: the flags they were opened with, and of files below /proc the least number, and no way to change the file.
#include "check.h"
static char b[4096];
static void look(const char *path) {
    say("%s\n", path);
    int least = MUST(dup(0));
    close(least);
    int fd = open(path, O_RDONLY);
    struct stat st;
    VALUE(fd == least);
    VALUE(fcntl(fd, F_GETFD));
    VALUE(fcntl(fd, F_GETFL) & ~0100000);
    VALUE(fstat(fd, &st));
    VALUE(st.st_mode);
    VALUE(write(fd, "x", 1));
    VALUE(ftruncate(fd, 0));
    VALUE(read(fd, b, 8) > 0);
    VALUE(lseek(fd, 0, SEEK_SET));
    VALUE(close(fd));
    VALUE(fcntl(open(path, O_RDONLY | O_CLOEXEC), F_GETFD));
    VALUE(fcntl(least, F_GETFL) & ~0100000);
    close(least);
    VALUE(fcntl(open(path, O_RDONLY | O_NONBLOCK | O_APPEND), F_GETFL) & ~0100000);
    VALUE(read(least, b, 8) > 0);
    close(least);
    VALUE(fcntl(open(path, O_PATH), F_GETFL) & ~0100000);
    VALUE(read(least, b, 8));
    close(least);
    VALUE(open(path, O_RDONLY | O_DIRECTORY));
    VALUE(open(path, O_RDONLY | O_CREAT | O_EXCL, 0600));
    VALUE(open(path, O_RDONLY | O_NOFOLLOW) == least);
    VALUE(read(least, b, 8) > 0);
    close(least);
    VALUE(open(path, O_RDONLY | O_TRUNC) == least);
    VALUE(read(least, b, 8) > 0);
    close(least);
    VALUE(open(path, O_RDONLY | O_CREAT, 0600) == least);
    close(least);
}
int main(void) {
    const char *files[] = {"maps", "smaps", "status", "stat", "statm", "cmdline", "mountinfo", "mounts"};
    char path[64];
    MUST(symlink("made", "link"));
    VALUE(fcntl(open("made", O_CREAT | O_EXCL | O_RDWR, 0640), F_GETFL) & ~0100000);
    VALUE(fcntl(open("made", O_TRUNC | O_WRONLY | O_APPEND), F_GETFL) & ~0100000);
    VALUE(fcntl(open("made", O_RDONLY | O_NOFOLLOW), F_GETFL) & ~0100000);
    VALUE(fcntl(open("link", O_CREAT | O_RDWR, 0640), F_GETFL) & ~0100000);
    VALUE(open("link", O_RDONLY | O_NOFOLLOW));
    VALUE(open("link", O_CREAT | O_EXCL | O_RDWR, 0640));
    VALUE(fcntl(open(".", O_TMPFILE | O_RDWR, 0600), F_GETFL) & ~0100000);
    struct stat st;
    VALUE(stat("link", &st));
    VALUE(st.st_mode);
    pid_t pid = fork();
    if (!pid) for (;;) pause();
    for (int i = 0; i < 8; i++) {
        snprintf(path, sizeof path, "/proc/self/%s", files[i]);
        look(path);
    }
    for (int i = 2; i < 5; i++) {
        // The number is another each time.
        MUST(chdir("/proc"));
        snprintf(path, sizeof path, "%d", pid);
        MUST(chdir(path));
        look(files[i]);
    }
    look("/proc/cpuinfo");
    kill(pid, SIGKILL);
    reap("other", pid);
}
