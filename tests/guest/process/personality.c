// personality(2): what it changes (the machine that uname names, READ_IMPLIES_EXEC), who inherits it, and what of it a
// program that is executed does.
// rootfs: too
#include "check.h"
#include <sys/ipc.h>
#include <sys/personality.h>
#include <sys/shm.h>
#include <sys/utsname.h>

static const char *rights(const void *p) {
    static char maps[70000], r[5];
    file_text("/proc/self/maps", maps, sizeof maps);
    for (char *l = strtok(maps, "\n"); l; l = strtok(NULL, "\n")) {
        unsigned long from, to;
        sscanf(l, "%lx-%lx %4s", &from, &to, r);
        if ((unsigned long)p >= from && (unsigned long)p < to) return r;
    }
    return "none";
}

static void tell(const char *who) {
    struct utsname u;
    uname(&u);
    say("%s: %x %s\n", who, personality(0xffffffff), u.machine);
}

static void *thread(void *unused) {
    (void)unused;
    tell("thread");
    personality(PER_LINUX);
    tell("thread, changed");
    return NULL;
}

static const char *fresh(int prot) {
    return rights(mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

int main(int argc, char **argv) {
    if (argc > 1) {
        tell(argv[1]);
        say("data %s\n", fresh(PROT_READ | PROT_WRITE));
        return 0;
    }
    tell("first");
    VALUE(personality(PER_LINUX32 | ADDR_NO_RANDOMIZE));
    tell("linux32");
    pthread_t t;
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    tell("after");
    reap("fork", CHILD(tell("fork")));
    VALUE(personality(PER_LINUX32 | READ_IMPLIES_EXEC));
    say("anonymous %s", fresh(PROT_READ | PROT_WRITE));
    say(" %s", fresh(PROT_READ));
    say(" %s", fresh(PROT_WRITE));
    say(" %s\n", fresh(PROT_NONE));
    unsigned char *code = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    VALUE(mprotect(code, PAGE, PROT_READ | PROT_WRITE));
    memcpy(code, (unsigned char[]){0xb8, 42, 0, 0, 0, 0xc3}, 6); // mov eax, 42; ret
    say("%d\n", ((int (*)(void))code)());
    VALUE(mprotect((void *)(1L << 47), PAGE, PROT_READ));
    VALUE(mprotect((void *)(-1L << 47), PAGE, PROT_READ));
    VALUE(mprotect((void *)(-2 * PAGE), PAGE, PROT_READ));
    int fd = MUST(open("/proc/self/exe", O_RDONLY));
    say("file %s\n", rights(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0)));
    char *heap = sbrk(0);
    VALUE(sbrk(16 * PAGE) == heap);
    say("heap %s\n", rights(heap + 8 * PAGE));
    int id = MUST(shmget(IPC_PRIVATE, PAGE, 0600));
    say("segment %s\n", rights(shmat(id, NULL, 0)));
    shmctl(id, IPC_RMID, NULL);
    reap("exec", CHILD(execv("/proc/self/exe", (char *[]){argv[0], "executed", NULL})));
    VALUE(personality(UNAME26));
    struct utsname u;
    uname(&u);
    say("%.4s %s\n", u.release, u.machine);
    VALUE(personality(PER_LINUX));
    say("anonymous %s\n", fresh(PROT_READ | PROT_WRITE));
}
