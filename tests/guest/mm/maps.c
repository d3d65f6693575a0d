// /proc/self/maps and smaps agree with what was mapped: ranges, rights, sharing, offsets, names; no memory of others.
#include "check.h"

static char *text;
static void load(const char *file) {
    text = realloc(text, 1 << 20);
    file_text(file, text, 1 << 20);
}
static void show(const char *what, void *at) {
    load("/proc/self/maps");
    for (char *l = strtok(text, "\n"); l; l = strtok(NULL, "\n")) {
        unsigned long from, to, off, ino;
        char rights[5], dev[32], name[300] = "";
        if (sscanf(l, "%lx-%lx %4s %lx %31s %lu %299s", &from, &to, rights, &off, dev, &ino, name) < 6) say("odd line %s\n", l);
        if ((unsigned long)at >= from && (unsigned long)at < to) {
            char *base = strrchr(name, '/');
            say("%s: %s offset %#lx inode %d name %s+%ld pages %ld\n", what, rights, off, ino != 0, base ? base + 1 : name, ((long)at - (long)from) / PAGE, (to - from) / PAGE);
            return;
        }
    }
    say("%s: not there\n", what);
}
int main(void) {
    char *area = map_pages(40, PROT_NONE);
    int fd = open("file", O_RDWR | O_CREAT, 0644);
    ftruncate(fd, 10 * PAGE);
    char *a = MUST(mmap(area + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    char *f = MUST(mmap(area + 8 * PAGE, 3 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 2 * PAGE));
    char *x = MUST(mmap(area + 14 * PAGE, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0));
    show("anonymous", a);
    show("guard", area);
    show("file", f + PAGE);
    show("code", x);
    mprotect(f + PAGE, PAGE, PROT_READ | PROT_WRITE);
    show("middle", f + PAGE);
    show("after", f + 2 * PAGE);
    munmap(f, PAGE);
    show("unmapped", f);
    int local;
    char *sp = (char *)&local;
    load("/proc/self/maps");
    say("[stack] %d [heap] %d [vdso] %d felix %d\n", strstr(text, "[stack]") != NULL, (realloc(NULL, 100000), strstr(text, "[heap]") != NULL), strstr(text, "[vdso]") != NULL, strstr(text, "felix-internal") != NULL);
    (void)sp;
    unlink("file");
    load("/proc/self/maps");
    say("deleted shown %d\n", strstr(text, "file (deleted)") != NULL);
    char *sh = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    show("shared anonymous", sh);
    load("/proc/self/smaps");
    say("smaps has Size %d Rss %d VmFlags %d\n", strstr(text, "\nSize:") != NULL, strstr(text, "\nRss:") != NULL, strstr(text, "\nVmFlags:") != NULL);
    DIR *d = opendir("/proc/self/map_files");
    say("map_files %s\n", d ? "there" : error_name(errno));
}
