// chroot(2) in a child that shares memory and nothing else: at its end the parent has its own root still.
// rootfs: too
#include "check.h"

static int to_parent[2], to_child[2];
static char stack[1 << 16] __attribute__((aligned(16)));

static int child(void *arg) {
    (void)arg;
    char c = 'x';
    VALUE(chroot("a"));
    say("in a %d\n", !access("/in_a", F_OK));
    if (write(to_parent[1], &c, 1) != 1 || read(to_child[0], &c, 1) != 1) _exit(1);
    _exit(7);
}

int main(void) {
    char c = 'x';
    mkdir("a", 0755), mkdir("b", 0755);
    close(open("a/in_a", O_CREAT | O_WRONLY, 0644)), close(open("b/in_b", O_CREAT | O_WRONLY, 0644));
    MUST(pipe(to_parent)), MUST(pipe(to_child));
    for (int i = 0; i < 2; i++) {
        pid_t p = MUST(clone(child, stack + sizeof stack, CLONE_VM | SIGCHLD, 0));
        if (read(to_parent[0], &c, 1) != 1) return 1;
        if (!i) VALUE(chroot("b"));
        if (write(to_child[1], &c, 1) != 1) return 1;
        reap("child", p);
        // Whoever runs the child may tidy up behind it.
        usleep(100000);
        say("in b %d\n", !access("/in_b", F_OK));
        mkdir("/a", 0755), close(open("/a/in_a", O_CREAT | O_WRONLY, 0644));
        VALUE(chdir("/"));
    }
}
