// A hundred programs started by posix_spawn leave nothing in the memory they borrow.
#include "check.h"
#include <spawn.h>
extern char **environ;
static long resident(void) {
    char line[128];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, f)) sscanf(line, "VmRSS: %ld", &kib);
    fclose(f);
    return kib;
}
int main(int argc, char **argv) {
    if (argc > 1) return 3;
    long before = 0;
    int right = 0;
    for (int r = 0; r < 110; r++) {
        if (r == 10) before = resident();
        pid_t p;
        int status;
        char *arguments[] = {argv[0], "again", NULL};
        if (posix_spawn(&p, "/proc/self/exe", NULL, NULL, arguments, environ)) give_up("posix_spawn", __LINE__);
        waitpid(p, &status, 0);
        right += status == 3 << 8;
    }
    say("right %d, more than 8 MiB grown %d\n", right, resident() - before > 8192);
}
