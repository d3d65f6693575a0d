// PR_SET_NAME: 15 bytes are kept, each thread has its own, /proc shows them.
#include "check.h"

static void show(const char *who, const char *path) {
    char b[100] = {};
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, b, sizeof b - 1);
    if (n > 0 && b[n - 1] == '\n') b[n - 1] = 0;
    say("%s: [%s]\n", who, b);
    close(fd);
}
static void *thread(void *x) {
    char name[17] = {};
    prctl(PR_GET_NAME, name);
    say("inherited %s\n", name);
    RETURNS(pthread_setname_np(pthread_self(), "other"));
    show("thread-self", "/proc/thread-self/comm");
    show("self", "/proc/self/comm");
    return x;
}
int main(void) {
    char name[17] = {};
    prctl(PR_GET_NAME, name);
    say("at first %s\n", name);
    VALUE(prctl(PR_SET_NAME, "a name of twenty characters"));
    VALUE(prctl(PR_GET_NAME, name));
    say("%s\n", name);
    show("self", "/proc/self/comm");
    pthread_t t;
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    RETURNS(pthread_setname_np(pthread_self(), "this is far too long"));
    VALUE(prctl(PR_SET_NAME, 8));
    reap("child", CHILD(show("forked", "/proc/self/comm")));
}
