// getdents and getdents64: every entry once, types, lengths, small buffers, offsets to seek to, a removed directory.
#include "check.h"
struct old { unsigned long ino; unsigned long off; unsigned short reclen; char name[]; };
struct new { uint64_t ino; int64_t off; unsigned short reclen; unsigned char type; char name[]; };
static int by_name(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }
int main(void) {
    mkdir("d", 0755);
    chdir("d");
    char name[100], b[2000], *all[200];
    for (int n = 0; n < 60; n++) { snprintf(name, sizeof name, "file-%0*d", n % 40 + 1, n); put_file(name, ""); }
    mkdir("sub", 0755);
    symlink("x", "link");
    mkfifo("fifo", 0600);
    for (int round = 0; round < 2; round++) {
        int fd = open(".", O_RDONLY), count = 0, sum = 0;
        long n, calls = 0;
        while ((n = syscall(round ? SYS_getdents64 : SYS_getdents, fd, b, round ? 300 : 500)) > 0) {
            calls++;
            for (long at = 0; at < n;) {
                struct new *e = (void *)(b + at);
                struct old *o = (void *)(b + at);
                int type = round ? e->type : b[at + o->reclen - 1];
                snprintf(name, sizeof name, "%s type %d len %d", round ? e->name : o->name, type, o->reclen);
                all[count++] = strdup(name);
                sum += o->ino != 0 && o->off != 0;
                at += o->reclen;
            }
        }
        qsort(all, count, sizeof *all, by_name);
        say("%d entries, %d good, %s calls\n", count, sum, calls > 3 ? "several" : "few");
        for (int k = 0; k < count; k++) say("%s\n", all[k]);
        VALUE(syscall(SYS_getdents64, fd, b, 1000));
        lseek(fd, 0, SEEK_SET);
        VALUE(syscall(round ? SYS_getdents64 : SYS_getdents, fd, b, 5));
        VALUE(syscall(round ? SYS_getdents64 : SYS_getdents, fd, 8, 500));
        close(fd);
    }
    VALUE(syscall(SYS_getdents64, 1, b, 500));
    int fd = open("sub", O_RDONLY);
    rmdir("sub");
    VALUE(syscall(SYS_getdents64, fd, b, 500));
}
