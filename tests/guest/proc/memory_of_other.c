// /proc/PID of another process tells of it what it reads of itself: descriptors, mappings, sizes, signals, mounts; after fork
// and after exec.
// qemu-user: shows its own memory for other processes
#include "check.h"
#include <ctype.h>

static const char *const names[] = {"fd", "maps", "smaps", "statm", "stat", "status", "auxv", "mountinfo", "task/%d/stat", "task/%d/maps"};
enum { COUNT = sizeof names / sizeof *names, ROOM = 1 << 16 };

static void *mapped(void *at) {
    if (at == MAP_FAILED) say("mmap: %s\n", error_name(errno)), exit(1);
    return at;
}

static ssize_t content(const char *dir, int i, int tid, char *to) {
    char name[64], path[128];
    snprintf(name, sizeof name, names[i], tid);
    snprintf(path, sizeof path, "/proc/%s/%s", dir, name);
    ssize_t n = 0;
    if (!strcmp(name, "fd")) {
        DIR *d = opendir(path);
        for (struct dirent *e; d && (e = readdir(d));) {
            int own = !strcmp(dir, "self") && atoi(e->d_name) == dirfd(d);
            if (isdigit(e->d_name[0]) && !own) n += sprintf(to + n, "%s ", e->d_name);
        }
        if (d) closedir(d);
        return n;
    }
    int fd = open(path, O_RDONLY);
    for (ssize_t k; fd >= 0 && (k = read(fd, to + n, ROOM - 1 - n)) > 0;) n += k;
    close(fd);
    to[n] = 0;
    return n;
}

// Leaves of a text what does not change while nobody maps anything.
static void steady(const char *name, char *text) {
    char out[ROOM] = "";
    size_t at = 0;
    if (strstr(name, "stat") && !strstr(name, "status")) {
        char *rest = strrchr(text, ')');
        int field = rest ? 2 : 0;
        for (char *word = strtok(rest ? rest : text, " \n"); word; word = strtok(0, " \n"), field++) {
            int kept = rest ? field == 23 || (field >= 26 && field <= 28) || (field >= 31 && field <= 34) || (field >= 45 && field <= 51)
                            : field == 0 || field == 3 || field == 5;
            if (kept) at += snprintf(out + at, sizeof out - at, "%s ", word);
        }
    } else {
        for (char *line = strtok(text, "\n"); line; line = strtok(0, "\n")) {
            static const char *const fields[] = {"VmSize", "VmData", "VmStk", "VmExe", "VmLib", "SigIgn", "SigCgt", "SigBlk", "Size:"};
            int kept = !strcmp(name, "mountinfo") || strstr(name, "maps") == name + strlen(name) - 4;
            if (!strcmp(name, "status") || !strcmp(name, "smaps")) {
                kept = isxdigit(line[0]) && !isupper(line[0]) && strchr(line, '-');
                for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) kept |= !strncmp(line, fields[i], strlen(fields[i]));
            }
            if (kept) at += snprintf(out + at, sizeof out - at, "%s\n", line);
        }
    }
    strcpy(text, out);
}

static void handler(int sig) { (void)sig; }

// Some of everything, and what it reads of itself.
static void child(char *texts) {
    char *some = mapped(mmap(0, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(some + 4096, 4096, PROT_READ | PROT_EXEC);
    mprotect(some + 3 * 4096, 4096, PROT_NONE);
    munmap(some + 5 * 4096, 4096);
    int fd = MUST(open("mapped", O_RDWR | O_CREAT, 0600));
    if (ftruncate(fd, 8 * 4096)) exit(1);
    mapped(mmap(0, 4 * 4096, PROT_READ, MAP_PRIVATE, fd, 2 * 4096));
    mapped(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096));
    unlink("mapped");
    mapped(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    if (sbrk(5 * 4096) == (void *)-1) exit(1);
    signal(SIGUSR1, handler), signal(SIGUSR2, SIG_IGN), signal(SIGRTMIN + 3, SIG_IGN), signal(SIGSEGV, handler);
    for (int i = 0; i < COUNT; i++) content("self", i, getpid(), texts + i * ROOM);
    kill(getpid(), SIGSTOP);
    _exit(0);
}

static void compare(const char *what, pid_t pid, char *texts) {
    static char theirs[ROOM];
    char dir[32];
    snprintf(dir, sizeof dir, "%d", pid);
    int status;
    waitpid(pid, &status, WUNTRACED);
    for (int i = 0; i < COUNT; i++) {
        char *own = texts + i * ROOM;
        ssize_t n = content(dir, i, pid, theirs);
        int equal = !strcmp(names[i], "auxv") ? n > 100 && !memcmp(own, theirs, n) : 0;
        if (!strcmp(names[i], "fd")) {
            equal = n > 5 && !strcmp(own, theirs);
        } else if (strcmp(names[i], "auxv")) {
            steady(names[i], own), steady(names[i], theirs);
            equal = !strcmp(own, theirs) && strlen(own) > 5;
        }
        say("%s %s: %s\n", what, names[i], equal ? "equal" : "different");
        if (!equal) fprintf(stderr, "--- own\n%s--- from outside\n%s", own, theirs);
    }
    kill(pid, SIGKILL);
    reap(what, pid);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        child(mapped(mmap(0, COUNT * ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, 9, 0)));
    }
    int fd = MUST(memfd_create("texts", 0));
    if (ftruncate(fd, COUNT * ROOM)) return 1;
    char *texts = mapped(mmap(0, COUNT * ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    compare("forked", CHILD(child(texts)), texts);
    compare("executed", CHILD(dup2(fd, 9); execl("/proc/self/exe", argv[0], "child", NULL)), texts);
}
