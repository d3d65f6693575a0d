// qemu-user: shows its own memory for other processes
// SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: once its notification is received, only what kills interrupts a call.
#include "check.h"
#include "filter.h"

static int listener;
static struct seccomp_notif n;

static void receive(void) {
    memset(&n, 0, sizeof n);
    MUST(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n));
}
static void handler(int sig) { say("handler %s\n", signal_name(sig)); }
static long asked(void) { errno = 0; return syscall(SYS_getppid); }

static char state(pid_t p) {
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/stat", p);
    file_text(path, text, sizeof text);
    return strrchr(text, ')')[2];
}
static void wait_for_state(pid_t p, char c) { while (state(p) != c) usleep(1000); }

int main(int argc, char **argv) {
    if (argc > 1) {
        signal(SIGUSR1, handler);
        say("executed: %ld\n", asked());
        return 0;
    }
    no_new_privs();
    listener = MUST(INSTALL_WITH(SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, LOAD(NR),
                                 ON(SYS_getppid, SECCOMP_RET_USER_NOTIF), RETURN(SECCOMP_RET_ALLOW)));
    for (int executed = 0; executed < 2; executed++) {
        pid_t p = CHILD(if (executed) execl("/proc/self/exe", argv[0], "executed", NULL);
                        signal(SIGUSR1, handler); say("asked: %ld\n", asked()));
        receive();
        kill(p, SIGUSR1);
        wait_for_state(p, 'D');
        struct seccomp_notif_resp r = {.id = n.id, .val = 4711};
        // Said when the child has had its say.
        int sent = ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
        reap("handled", p);
        say("sent: %d\n", sent);
    }
    // What has no handler kills.
    pid_t p = CHILD(signal(SIGUSR1, handler); asked());
    receive();
    kill(p, SIGTERM);
    reap("killed", p);
    // What is blocked does not.
    p = CHILD(block(SIGTERM, 0); say("blocked: %ld\n", asked()));
    receive();
    kill(p, SIGTERM);
    struct seccomp_notif_resp r = {.id = n.id, .val = 1};
    int sent = ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
    reap("blocked", p);
    say("sent: %d\n", sent);
}
