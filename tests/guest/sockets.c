// What a program is told of the names of Unix sockets; run by tests/inside.rs in a root, natively and under felix.
//
//     sockets DIR
//
// It makes what it needs in DIR, which is empty.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *what, const struct sockaddr_un *a, socklen_t len) {
    printf("%-28s len %3d", what, len);
    if (len > 2) {
        printf(" family %d ", a->sun_family);
        for (size_t i = 2; i < len && i < sizeof *a; i++) {
            unsigned char c = ((unsigned char *)a)[i];
            printf(c >= 32 && c < 127 ? "%c" : "\\%o", c);
        }
    }
    putchar('\n');
}

static void own(const char *what, int fd) {
    struct sockaddr_un a = {0};
    socklen_t len = sizeof a;
    if (getsockname(fd, (void *)&a, &len)) perror(what);
    else show(what, &a, len);
}
static void peer(const char *what, int fd) {
    struct sockaddr_un a = {0};
    socklen_t len = sizeof a;
    if (getpeername(fd, (void *)&a, &len)) perror(what);
    else show(what, &a, len);
}

static socklen_t address(struct sockaddr_un *a, const char *path) {
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    size_t n = strlen(path);
    memcpy(a->sun_path, path, n > sizeof a->sun_path ? sizeof a->sun_path : n);
    return offsetof(struct sockaddr_un, sun_path) + n + (n < sizeof a->sun_path);
}

static int bound(int type, const char *path) {
    struct sockaddr_un a;
    int fd = socket(AF_UNIX, type, 0), n = address(&a, path);
    if (bind(fd, (void *)&a, n)) printf("bind %s: %s\n", path, strerrorname_np(errno));
    return fd;
}
static int connected(int type, const char *path) {
    struct sockaddr_un a;
    int fd = socket(AF_UNIX, type, 0), n = address(&a, path);
    if (connect(fd, (void *)&a, n)) printf("connect %s: %s\n", path, strerrorname_np(errno));
    return fd;
}

static int compare(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

static void list(const char *dir) {
    char *names[64];
    int n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && n < 64 && (e = readdir(d));)
        if (e->d_name[0] != '.') names[n++] = strdup(e->d_name);
    closedir(d);
    qsort(names, n, sizeof *names, compare);
    printf("%s:", dir);
    for (int i = 0; i < n; i++) printf(" %s", names[i]);
    putchar('\n');
}

// The paths of our own sockets in /proc/net/unix.
static void table(const int *fds, int count) {
    for (int i = 0; i < count; i++) {
        struct stat st;
        char line[512], path[256];
        unsigned long inode;
        FILE *f = fopen("/proc/net/unix", "r");
        fstat(fds[i], &st);
        while (f && fgets(line, sizeof line, f)) {
            path[0] = 0;
            if (sscanf(line, "%*s %*s %*s %*s %*s %*s %lu %255[^\n]", &inode, path) >= 1 && inode == st.st_ino) printf("/proc/net/unix: %s\n", path);
        }
        if (f) fclose(f);
    }
}

int main(int argc, char **argv) {
    if (argc > 2) {
        own("after execve", atoi(argv[2]));
        return 0;
    }
    if (chdir(argv[1])) return 1;
    char here[256], path[512];
    if (!getcwd(here, sizeof here)) return 1;
    mkdir("dir", 0755), symlink("dir", "link");
    snprintf(path, sizeof path, "%s/dir/stream", here);
    int s = bound(SOCK_STREAM, path);
    own("absolute", s);
    printf("again: "), fflush(stdout), close(bound(SOCK_STREAM, path));
    listen(s, 5);
    int c = connected(SOCK_STREAM, path);
    peer("peer of a client", c), own("a client", c);
    struct sockaddr_un a = {0};
    socklen_t len = sizeof a;
    int accepted = accept(s, (void *)&a, &len);
    show("accept of an unbound one", &a, len);
    own("an accepted one", accepted), peer("its peer", accepted);

    int named = bound(SOCK_STREAM, "./dir/../client");
    snprintf(path, sizeof path, "%s/link/stream", here);
    len = address(&a, path);
    if (connect(named, (void *)&a, len)) perror("connect");
    peer("peer through a link", named), own("relative", named);
    len = sizeof a;
    int accepted2 = accept4(s, (void *)&a, &len, SOCK_CLOEXEC);
    show("accept4 of a bound one", &a, len), peer("its peer", accepted2);
    // Less room than it takes.
    for (int room = 0; room < 20; room += 6) {
        memset(&a, 'x', sizeof a);
        len = room;
        int r = getsockname(named, (void *)&a, &len);
        printf("room for %d: %d, len %d, %.12s\n", room, r, len, ((char *)&a) + 2 + (room < 2 ? 1 : 0));
    }
    len = -1;
    printf("negative room: %d\n", getsockname(named, (void *)&a, &len));
    printf("no room: %d\n", getsockname(named, 0, &len));

    int d1 = bound(SOCK_DGRAM, "dir/one"), d2 = bound(SOCK_DGRAM, "link/two");
    own("through a link", d2);
    len = address(&a, "dir/one");
    sendto(d2, "hello", 5, 0, (void *)&a, len);
    char data[8] = "";
    len = sizeof a;
    long n = recvfrom(d1, data, sizeof data, 0, (void *)&a, &len);
    printf("%ld %s ", n, data), show("recvfrom", &a, len);
    sendto(d2, "again", 5, 0, (void *)&a, 0);
    len = address(&a, "dir/one");
    for (int i = 0; i < 3; i++) sendto(i == 1 ? d1 : d2, "more", 4, 0, (void *)&a, len);
    struct iovec v = {data, sizeof data};
    char control[64];
    struct msghdr m = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    n = recvmsg(d1, &m, 0);
    printf("%ld, control %zu, flags %x ", n, m.msg_controllen, m.msg_flags), show("recvmsg", m.msg_name, m.msg_namelen);
    struct sockaddr_un as[2] = {0};
    struct mmsghdr mm[3] = {0};
    for (int i = 0; i < 3; i++) mm[i].msg_hdr = (struct msghdr){.msg_name = i < 2 ? &as[i] : 0, .msg_namelen = i < 2 ? sizeof as[i] : 0, .msg_iov = &v, .msg_iovlen = 1};
    n = recvmmsg(d1, mm, 3, MSG_DONTWAIT, 0);
    printf("recvmmsg %ld\n", n);
    for (int i = 0; i < n && i < 2; i++) printf("%d ", mm[i].msg_len), show("one", mm[i].msg_hdr.msg_name, mm[i].msg_hdr.msg_namelen);
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    own("of a pair", pair[0]), peer("of a pair", pair[1]);
    write(pair[0], "x", 1);
    len = sizeof a;
    printf("recvfrom a stream %zd len %d\n", recvfrom(pair[1], data, 8, 0, (void *)&a, &len), len);
    int abstract = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(&a, "\1\0\0felix-sockets-test", 21);
    if (bind(abstract, (void *)&a, 21)) perror("abstract");
    own("abstract", abstract);

    // As long as they may be, and longer.
    for (int n = 80; n <= 109; n += n < 100 ? 9 : 1) {
        memset(path, 'a', n), path[n] = 0;
        memcpy(path, "dir/", 4);
        int fd = bound(SOCK_DGRAM, path);
        struct stat st;
        printf("%d long, there: %d\n", n, !stat(path, &st));
        if (n < 108) own("long", fd);
        unlink(path), close(fd);
    }
    close(bound(SOCK_DGRAM, "none/socket"));
    close(bound(SOCK_DGRAM, "dir"));
    int fds[] = {s, named, d2, abstract};
    table(fds, 4);
    fflush(stdout);
    if (!fork()) own("after fork", s), exit(0);
    wait(0);
    pid_t child = fork();
    char number[16];
    snprintf(number, sizeof number, "%d", s);
    if (!child) execl("/proc/self/exe", "sockets", "", number, (char *)0), _exit(1);
    waitpid(child, 0, 0);
    rename("dir/stream", "moved");
    own("after rename", s);
    close(connected(SOCK_STREAM, "moved"));
    unlink("moved");
    snprintf(path, sizeof path, "%s/dir/stream", here);
    close(bound(SOCK_STREAM, path));
    list("."), list("dir");
    return 0;
}
