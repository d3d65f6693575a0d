// posix_spawn: file actions, attributes, and the error of exec that comes back through vfork's memory.
#include "check.h"
#include <spawn.h>
extern char **environ;
int main(int argc, char **argv) {
    if (argc > 1) {
        sigset_t s;
        sigprocmask(SIG_BLOCK, NULL, &s);
        say("child fd9 %d HUP %d own group %d\n", fcntl(9, F_GETFD), sigismember(&s, SIGHUP), getpgrp() == getpid());
        return 12;
    }
    pid_t p;
    posix_spawn_file_actions_t f;
    posix_spawnattr_t a;
    posix_spawn_file_actions_init(&f);
    posix_spawnattr_init(&a);
    RETURNS(posix_spawn_file_actions_addopen(&f, 9, "out", O_CREAT | O_RDWR, 0600));
    sigset_t s = set_of(SIGHUP, 0);
    posix_spawnattr_setsigmask(&a, &s);
    posix_spawnattr_setflags(&a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    TRUE(posix_spawn(&p, "/proc/self/exe", &f, &a, (char *[]){argv[0], "x", NULL}, environ) == 0);
    reap("spawned", p);
    RETURNS(posix_spawn(&p, "/nonexistent", NULL, NULL, argv, environ));
    RETURNS(posix_spawnp(&p, "true", NULL, NULL, (char *[]){"true", NULL}, environ));
    reap("true", p);
    posix_spawn_file_actions_addopen(&f, 8, "nodir/x", O_RDONLY, 0);
    RETURNS(posix_spawn(&p, "/bin/true", &f, NULL, argv, environ));
    FILE *c = popen("echo hi; exit 3", "r");
    char b[20] = {};
    if (c) fgets(b, 20, c);
    say("popen %s", b);
    say_status("pclose", pclose(c));
    say_status("system", system("kill -TERM $$"));
}
// qemu-user: makes a fork of vfork, so the error does not come back
