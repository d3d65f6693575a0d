// A parent that ends first: the child goes on, its parent becomes init or a reaper; getppid tells.
#include "check.h"
int main(void) {
    struct gate g = gate_make();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t me = getpid();
    pid_t p = CHILD(pid_t old = getpid(); CHILD(while (getppid() == old) usleep(500); gate_open(g); _exit(getppid() == me ? 11 : 12)));
    reap("parent", p);
    gate_wait(g);
    int s;
    VALUE(wait(&s) > 0);
    say_status("grandchild", s);
    VALUE(wait(&s));
}
