// Files of a mount with MS_NOEXEC: neither mmap nor mprotect gives a right to execute them, and nor do access and execve.
// rootfs: too
// qemu-user: is refused user namespaces
#include "check.h"
#include <sys/mount.h>

static const char *mapped(int fd, int prot) {
    void *p = mmap(NULL, 3 * PAGE, prot, MAP_PRIVATE, fd, 0);
    return p == MAP_FAILED ? error_name(errno) : "mapped";
}

// What mprotect says, and of three pages, which can be executed then.
static void protect(const char *what, char *p, int prot) {
    char maps[70000], rights[3][5] = {"", "", ""};
    int e = mprotect(p, 3 * PAGE, prot) ? errno : 0;
    file_text("/proc/self/maps", maps, sizeof maps);
    for (char *l = strtok(maps, "\n"); l; l = strtok(NULL, "\n")) {
        unsigned long from, to;
        char r[5];
        sscanf(l, "%lx-%lx %4s", &from, &to, r);
        for (int k = 0; k < 3; k++)
            if ((unsigned long)p + k * PAGE >= from && (unsigned long)p + k * PAGE < to) strcpy(rights[k], r);
    }
    say("%s: %s, %s %s %s\n", what, error_name(e), rights[0], rights[1], rights[2]);
}

int main(void) {
    reap("child", CHILD(
        if (unshare(getuid() ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS)) { say("%s\n", error_name(errno)); _exit(0); }
        MUST(mkdir("m", 0700));
        if (mount("none", "m", "tmpfs", MS_NOEXEC, "size=4m")) { say("%s\n", error_name(errno)); _exit(0); }
        int fd = MUST(open("m/f", O_CREAT | O_RDWR, 0755));
        MUST(write(fd, "#!/bin/sh\n", 10));
        MUST(ftruncate(fd, 3 * PAGE));
        say("%s %s %s\n", mapped(fd, PROT_READ), mapped(fd, PROT_READ | PROT_EXEC), mapped(fd, PROT_EXEC));
        char *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
        protect("all", p, PROT_READ | PROT_EXEC);
        protect("written", p, PROT_READ | PROT_WRITE);
        strcpy(p + PAGE, "still");
        mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        protect("from the second", p, PROT_READ | PROT_WRITE | PROT_EXEC);
        say("%s\n", p + PAGE);
        munmap(p + PAGE, PAGE);
        protect("from the second or a hole", p, PROT_READ | PROT_EXEC);
        VALUE(access("m/f", X_OK));
        VALUE(access("m", X_OK));
        close(fd);
        VALUE(execv("m/f", (char *[]){"f", NULL}));
        fd = MUST(open("m/f", O_RDONLY));
        VALUE(fexecve(fd, (char *[]){"f", NULL}, environ));
        // What is mapped keeps its rights.
        MUST(mount("none", "m", NULL, MS_REMOUNT | MS_BIND, NULL));
        say("%s\n", mapped(fd, PROT_READ | PROT_EXEC));
        protect("no longer", p + 2 * PAGE, PROT_READ)));
}
