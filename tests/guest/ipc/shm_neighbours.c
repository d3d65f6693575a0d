// System V segments side by side are attachments of their own, also once cut; their names in /proc/self/maps.
#include "check.h"
#include <sys/shm.h>

static void show(const char *when, char *from, size_t len, int *ids) {
    say("%s\n", when);
    char line[512];
    FILE *f = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, f)) {
        unsigned long start, end, offset, inode;
        char rights[5], name[64] = "";
        sscanf(line, "%lx-%lx %4s %lx %*s %lu %63s", &start, &end, rights, &offset, &inode, name);
        long at = start - (unsigned long)from;
        if (at >= 0 && at < (long)len)
            say("%ld..%ld %s %lx %s of %c\n", at, end - (unsigned long)from, rights, offset, name, inode == (unsigned)ids[0] ? 'A' : inode == (unsigned)ids[1] ? 'B' : '?');
    }
    fclose(f);
}

int main(void) {
    int ids[2] = {MUST(shmget(IPC_PRIVATE, 3 * PAGE, IPC_CREAT | 0600)), MUST(shmget(0x71e5f10, PAGE, IPC_CREAT | 0600))};
    size_t len = 16 * PAGE;
    char *m = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(m, len);
    VALUE(shmat(ids[0], m, 0) == m);
    VALUE(shmat(ids[0], m + 3 * PAGE, 0) == m + 3 * PAGE);
    VALUE(shmat(ids[1], m + 6 * PAGE, 0) == m + 6 * PAGE);
    VALUE(shmat(ids[1], m + 7 * PAGE, SHM_RDONLY) == m + 7 * PAGE);
    show("four", m, len, ids);
    VALUE(mprotect(m + 4 * PAGE, PAGE, PROT_READ));
    VALUE(munmap(m, PAGE));
    show("cut", m, len, ids);
    VALUE(shmdt(m + 3 * PAGE));
    VALUE(shmdt(m + 3 * PAGE));
    VALUE(shmdt(m + 7 * PAGE));
    show("two", m, len, ids);
    // Of the first one its beginning is gone.
    VALUE(shmdt(m));
    VALUE(shmdt(m + PAGE));
    VALUE(shmdt(m + 6 * PAGE));
    show("none", m, len, ids);
    VALUE(shmctl(ids[0], IPC_RMID, NULL));
    VALUE(shmctl(ids[1], IPC_RMID, NULL));
}
