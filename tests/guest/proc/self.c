// /proc/self as the program must see it: exe, cmdline, environ, auxv, comm, cwd, root, fd links, status and stat fields.
#include "check.h"
#include <elf.h>
#include <sys/auxv.h>
static char b[70000];
static ssize_t load(const char *p) { return file_text(p, b, sizeof b); }
static void field(const char *name) {
    char *l = strstr(b, name);
    say("%s %s\n", name, l ? "there" : "missing");
}
int main(int argc, char **argv) {
    char self[4096], path[64];
    (void)argc;
    self[readlink("/proc/self/exe", self, sizeof self - 1)] = 0;
    say("exe %s\n", strrchr(self, '/') + 1);
    snprintf(path, sizeof path, "/proc/%d/exe", getpid());
    VALUE(readlink(path, b, 4000) == (long)strlen(self));
    struct stat s, t;
    stat("/proc/self/exe", &s), stat(self, &t);
    say("same file %d\n", s.st_ino == t.st_ino);
    int fd = open("/proc/self/exe", O_RDONLY);
    VALUE(read(fd, b, 4));
    say("elf %d\n", !memcmp(b, ELFMAG, 4));
    ssize_t n = load("/proc/self/cmdline");
    say("cmdline whole %d\n", n == (long)strlen(argv[0]) + 1 && !strcmp(b, argv[0]));
    n = load("/proc/thread-self/cmdline");
    say("thread-self %d\n", !strcmp(b, argv[0]));
    n = load("/proc/self/environ");
    int same = 1;
    char *e = b;
    for (char **v = environ; *v && e < b + n; v++, e += strlen(e) + 1) same &= !strcmp(*v, e);
    say("environ whole %d same %d\n", e == b + n, same);
    n = load("/proc/self/auxv");
    Elf64_auxv_t *a = (void *)b;
    int good = 0, bad = 0;
    for (; a->a_type; a++) if (getauxval(a->a_type) == a->a_un.a_val) good++; else bad++;
    say("auxv good %d bad %d\n", good > 10, bad);
    load("/proc/self/comm");
    say("comm %s", b);
    char cwd[4096], link[4096];
    getcwd(cwd, sizeof cwd);
    link[readlink("/proc/self/cwd", link, 4095)] = 0;
    say("cwd %d\n", !strcmp(cwd, link));
    VALUE(readlink("/proc/self/root", link, 10));
    fd = open("f", O_CREAT | O_RDWR, 0600);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    link[readlink(path, link, 4095)] = 0;
    say("fd %s\n", strrchr(link, '/'));
    load("/proc/self/status");
    const char *f[] = {"Name:", "State:\tR", "SigBlk:", "SigIgn:", "SigCgt:", "VmRSS:", "Uid:", "Cpus_allowed_list:", "TracerPid:\t0"};
    for (int k = 0; k < 9; k++) field(f[k]);
    load("/proc/self/stat");
    int pid, ppid;
    char name[40], state;
    sscanf(b, "%d %39s %c %d", &pid, name, &state, &ppid);
    say("stat %d %c %d\n", pid == getpid(), state, ppid == getppid());
    load("/proc/self/limits");
    field("Max open files");
    load("/proc/self/statm");
    say("statm %d\n", atoi(b) > 10);
    load("/proc/self/mountinfo");
    field(" / ");
    load("/proc/self/mounts");
    field(" / ");
    load("/proc/self/maps");
    for (char *l = strtok(b, "\n"); l; l = strtok(NULL, "\n")) {
        unsigned long from, to;
        char rights[5];
        if (!strstr(l, "[stack]")) continue;
        sscanf(l, "%lx-%lx %4s", &from, &to, rights);
        say("stack %s mine %d\n", rights, (unsigned long)path >= from && (unsigned long)path < to);
    }
}
