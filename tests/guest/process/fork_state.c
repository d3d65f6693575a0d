// What a forked child shares and what it copies: memory, file offsets, brk, umask, directory, limits, timers.
#include "check.h"

int main(void) {
    char *own = map_pages(1, PROT_READ | PROT_WRITE);
    char *both = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    write(fd, "0123456789", 10);
    lseek(fd, 2, SEEK_SET);
    struct itimerval t = {.it_value = {1000, 0}};
    setitimer(ITIMER_REAL, &t, NULL);
    umask(027);
    reap("child", CHILD(
        char c;
        read(fd, &c, 1);
        *own = 1, *both = c;
        getitimer(ITIMER_REAL, &t);
        say("timer in the child %ld, umask %03o\n", t.it_value.tv_sec, umask(0));
        mkdir("d", 0700);
        chdir("d");
        say("alarm left %u\n", alarm(0))));
    say("own %d both %c offset %ld\n", *own, *both, (long)lseek(fd, 0, SEEK_CUR));
    say("d is %s\n", access("d", F_OK) ? "elsewhere" : "here");
}
