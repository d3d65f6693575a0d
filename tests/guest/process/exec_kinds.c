// What is no regular file is not executed, by name or by descriptor; what execveat(2) names by a directory is
// called /dev/fd/N/NAME.
#include "check.h"

extern char **environ;

static int at(int dir, const char *path, int flags) {
    char *argv[] = {"program", "shown", NULL};
    return syscall(SYS_execveat, dir, path, argv, environ, flags);
}

static void run(const char *what, int dir, const char *path, int flags) {
    pid_t pid = MUST(fork());
    if (pid == 0) {
        at(dir, path, flags);
        say("%s: %s\n", what, error_name(errno));
        _exit(1);
    }
    reap(what, pid);
}

static void put(const char *name, int mode, const char *text) {
    int fd = MUST(open(name, O_CREAT | O_WRONLY, mode));
    TRUE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

int main(int argc, char **argv) {
    char *no[] = {NULL}, name[64];
    int s = MUST(socket(AF_INET, SOCK_STREAM, 0)), p[2];
    MUST(pipe(p));
    snprintf(name, sizeof name, "/proc/self/fd/%d", s);
    VALUE(execve(name, no, no));
    snprintf(name, sizeof name, "/proc/self/fd/%d", p[0]);
    VALUE(execve(name, no, no));
    VALUE(execve("/dev/null", no, no));
    VALUE(at(s, "", AT_EMPTY_PATH));
    VALUE(at(p[0], "", AT_EMPTY_PATH));
    struct sockaddr_un a = {AF_UNIX, "socket"};
    int u = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    MUST(bind(u, (void *)&a, sizeof a));
    VALUE(execve("socket", no, no));
    MUST(mkfifo("fifo", 0700));
    VALUE(execve("fifo", no, no));
    MUST(symlink("script", "link"));
    int link = MUST(open("link", O_PATH | O_NOFOLLOW));
    VALUE(at(link, "", AT_EMPTY_PATH));
    VALUE(at(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW));

    put("script", 0700, "#!/bin/sh\necho \"$0\" \"$@\"\n");
    put("plain", 0600, "#!/bin/sh\n");
    int here = MUST(open(".", O_PATH)), script = MUST(open("script", O_RDONLY));
    MUST(dup2(here, 100)), MUST(dup2(script, 101));
    run("script", 100, "script", 0);
    run("link", 100, "link", 0);
    run("by descriptor", 101, "", AT_EMPTY_PATH);
    run("not followed", 101, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
    int plain = MUST(open("plain", O_RDONLY)), writer = MUST(open("script", O_RDWR));
    VALUE(at(plain, "", AT_EMPTY_PATH));
    VALUE(at(writer, "", AT_EMPTY_PATH));
    close(writer);
    MUST(fcntl(100, F_SETFD, FD_CLOEXEC));
    VALUE(at(100, "script", 0));
}
