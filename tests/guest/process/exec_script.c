// Programs of #!: arguments, nested, relative, descriptors, long lines.
#include "check.h"

static void script(const char *name, const char *text) { put_file(name, text); chmod(name, 0755); }
int main(int argc, char **argv) {
    if (!strstr(argv[0], "exec_script") || argc > 1) {
        say("argc %d", argc);
        for (int n = 1; n < argc; n++) say(" [%s]", strncmp(argv[n], "/dev/fd/", 8) ? argv[n] : "/dev/fd/N");
        say("\n");
        return 5;
    }
    char self[4096], line[5000];
    self[readlink("/proc/self/exe", self, sizeof self - 1)] = 0;
    symlink(self, "me");
    script("plain", "#!./me\nrest\n");
    script("argument", "#!  ./me   one two  \n");
    script("nested", "#!./argument three\n");
    script("nested2", "#! ./nested\n");
    script("deep3", "#!./nested2\n");
    script("deep4", "#!./deep3\n");
    script("deep5", "#!./deep4\n");
    script("nonewline", "#!./me x");
    memset(line, 'y', sizeof line);
    memcpy(line, "#!./me ", 7);
    line[400] = '\n', line[401] = 0;
    script("long", line);
    memcpy(line, "#!", 2);
    memset(line + 2, ' ', 300);
    script("spaces", line);
    const char *all[] = {"plain", "./argument", "nested", "nested2", "deep3", "deep4", "deep5", "nonewline", "long", "spaces"};
    for (int n = 0; n < 10; n++)
        reap(all[n], CHILD(execv(all[n], (char *[]){"zero", "given", NULL}); say("%s: %s\n", all[n], error_name(errno)); _exit(1)));
    int fd = open("plain", O_RDONLY);
    reap("fexecve", CHILD(fexecve(fd, (char *[]){"zero", "given", NULL}, (char *[]){NULL})));
    reap("fexecve, cloexec", CHILD(fcntl(fd, F_SETFD, 1); fexecve(fd, (char *[]){"zero", "given", NULL}, (char *[]){NULL}); say("%s\n", error_name(errno))));
}
