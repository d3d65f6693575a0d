// Mappings until there may be no more (proc_sys_vm(5), max_map_count): ENOMEM, and the program goes on.
// qemu-user: takes half a minute over so many
#include "check.h"

static void *body(void *x) { return x; }
static volatile int count;
static void handler(int sig) { (void)sig; count++; }

int main(void) {
    FILE *f = fopen("/proc/sys/vm/max_map_count", "r");
    long most = 0;
    MUST(fscanf(f, "%ld", &most));
    fclose(f);
    if (most > 70000) {
        say("there may be too many\n");
        return 0;
    }
    size_t len = 2 * (size_t)most * PAGE;
    char *m = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    TRUE(m != MAP_FAILED);
    long cuts = 0;
    int r = 0;
    for (size_t at = PAGE; at < len && r == 0; at += 2 * PAGE, cuts++) r = mprotect(m + at, PAGE, PROT_READ);
    say("mprotect %d %s, more than 60000 mappings %d\n", r, strerror(errno), 2 * cuts > 60000);
    // So does shared memory: each has an object of its own.
    MUST(munmap(m, len));
    long made = 0;
    static char *pages[70000];
    while (made < most + 10 && (pages[made] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) != MAP_FAILED) made++;
    say("mmap %s, more than 60000 mappings %d\n", strerror(errno), made > 60000);
    // What is needed to go on is there.
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
    reap("child", CHILD(raise(SIGUSR1); say("signals %d\n", count)));
    while (made--) MUST(munmap(pages[made], PAGE));
    pthread_t t;
    VALUE(pthread_create(&t, NULL, body, NULL));
    pthread_join(t, NULL);
}
