// A program that closes, duplicates over and lists all descriptors finds only its own, and goes on working.
#include "check.h"
int main(void) {
    DIR *d = opendir("/proc/self/fd");
    int count = 0, own = dirfd(d);
    for (struct dirent *e; (e = readdir(d));) if (e->d_name[0] != '.' && atoi(e->d_name) != own) { count++; say("fd %s\n", e->d_name); }
    closedir(d);
    struct rlimit l;
    getrlimit(RLIMIT_NOFILE, &l);
    long max = l.rlim_cur < 70000 ? (long)l.rlim_cur : 70000, closed = 0;
    for (long n = 3; n < max; n++) closed += close(n) == 0;
    say("closed %ld\n", closed);
    for (long n = 3; n < 200; n++) MUST(dup2(1, n));
    for (long n = 3; n < 200; n++) close(n);
    char self[100];
    VALUE(readlink("/proc/self/exe", self, sizeof self) > 0);
    VALUE(open("f", O_CREAT | O_RDWR, 0600));
    reap("child", CHILD(say("alive\n")));
    execl("/bin/true", "true", NULL);
}
