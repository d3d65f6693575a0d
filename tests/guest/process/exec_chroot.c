// Programs are executed where whatever runs this one cannot be seen: after chroot(2), in a mount namespace, from threads and by vfork.
// qemu-user: is itself found by its path
#include "check.h"
#include <sched.h>
#include <spawn.h>
#include <sys/mount.h>

extern char **environ;

static void copy(const char *from, const char *to) {
    int in = open(from, O_RDONLY);
    if (in < 0) return;
    int out = MUST(open(to, O_CREAT | O_WRONLY, 0755));
    char b[65536];
    for (ssize_t n; (n = MUST(read(in, b, sizeof b))) > 0;) MUST(write(out, b, n));
    close(in);
    close(out);
}

/* This program, and the libraries that a felix needs which is not static, as on a PC. */
static void fill(const char *root) {
    const char *files[] = {"/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libm.so.6",
        "/lib/x86_64-linux-gnu/libgcc_s.so.1"};
    const char *dirs[] = {"/lib64", "/lib", "/lib/x86_64-linux-gnu"};
    char to[256];
    for (int i = 0; i < 3; i++) snprintf(to, sizeof to, "%s%s", root, dirs[i]), mkdir(to, 0755);
    for (int i = 0; i < 4; i++) snprintf(to, sizeof to, "%s%s", root, files[i]), copy(files[i], to);
    snprintf(to, sizeof to, "%s/prog", root);
    copy("/proc/self/exe", to);
}

static void spawn(const char *who, const char *arg) {
    char *args[] = {"/prog", (char *)arg, NULL};
    pid_t p;
    errno = posix_spawn(&p, "/prog", NULL, NULL, args, environ);
    if (errno) { say("%s: %s\n", who, error_name(errno)); return; }
    reap(who, p);
}

static void *sleeps(void *unused) { pause_ms(100000); return unused; }
static void *spawns(void *unused) { spawn("from a thread", "leaf"); return unused; }

int main(int argc, char **argv) {
    if (argc > 1) {
        struct stat st;
        say("%s: /proc %s, own file %s\n", argv[1], stat("/proc/self", &st) ? "not there" : "there", access("/prog", X_OK) ? "not there" : "there");
        if (!strcmp(argv[1], "leaf")) return 3;
        spawn("spawned again", "leaf");
        pthread_t t;
        MUST(pthread_create(&t, NULL, spawns, NULL));
        pthread_join(t, NULL);
        reap("fork", CHILD(execl("/prog", "/prog", "leaf", NULL)));
        reap("no such file", CHILD(VALUE(execl("/nothing", "/nothing", NULL))));
        // With another thread alive.
        MUST(pthread_create(&t, NULL, sleeps, NULL));
        execl("/prog", "/prog", "leaf", NULL);
        say("not executed: %s\n", error_name(errno));
        return 1;
    }
    if (getuid() != 0) MUST(unshare(CLONE_NEWUSER));
    MUST(mkdir("root", 0755));
    fill("root");
    reap("chroot", CHILD(MUST(chroot("root")); MUST(chdir("/")); spawn("spawned", "first")));
    reap("chroot and exec", CHILD(MUST(chroot("root")); MUST(chdir("/")); execl("/prog", "/prog", "first", NULL)));
    // A mount namespace in which a file system lies over everything.
    reap("mount namespace", CHILD(
        MUST(unshare(CLONE_NEWNS));
        MUST(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
        MUST(mount("none", "root", "tmpfs", 0, NULL));
        fill("root");
        MUST(chdir("root"));
        MUST(mount(".", "/", NULL, MS_MOVE, NULL));
        MUST(chroot("."));
        MUST(chdir("/"));
        spawn("spawned", "first")));
}
