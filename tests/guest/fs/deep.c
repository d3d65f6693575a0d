// Directories whose paths are longer than PATH_MAX: `..`, and what getcwd(2) and getcwd(3) say of them.
// rootfs: too
#include "check.h"

enum { LEVELS = 30, NAME = 200 };

int main(void) {
    static char cwd[LEVELS * (NAME + 1) + PATH_MAX], raw[PATH_MAX];
    char name[NAME + 1];
    memset(name, 'n', NAME), name[NAME] = 0;
    size_t before = strlen(getcwd(cwd, sizeof cwd));
    for (int i = 0; i < LEVELS; i++) {
        MUST(mkdir(name, 0755));
        MUST(chdir(name));
    }
    close(MUST(open("file", O_CREAT | O_WRONLY, 0644)));
    long n = syscall(SYS_getcwd, raw, sizeof raw);
    say("getcwd(2) %s\n", n < 0 ? error_name(errno) : "-");
    say("getcwd(3) %s\n", getcwd(cwd, sizeof cwd) ? "-" : error_name(errno));
    say("longer by %zu\n", strlen(cwd) - before - (before == 1 ? -1 : 0));
    int here = MUST(open(".", O_RDONLY | O_DIRECTORY));
    struct stat a, b;
    MUST(stat(".", &a));
    char path[2 * NAME + 16];
    snprintf(path, sizeof path, "../%s", name);
    MUST(stat(path, &b));
    say("the same by .. %d\n", a.st_ino == b.st_ino);
    snprintf(path, sizeof path, "../../%s/%s/file", name, name);
    VALUE(access(path, F_OK));
    VALUE(faccessat(here, "..", F_OK, 0));
    for (int i = 0; i < LEVELS; i++) {
        if (!i) unlink("file");
        MUST(chdir(".."));
        if (i == LEVELS - 1) say("back %d\n", getcwd(cwd, sizeof cwd) && strlen(cwd) == before);
        MUST(rmdir(name));
    }
    VALUE(fchdir(here));
    say("getcwd(3) of what is gone %s\n", getcwd(cwd, sizeof cwd) ? "-" : error_name(errno));
    VALUE(access("..", F_OK));
}
