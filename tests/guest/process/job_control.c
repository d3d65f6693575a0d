// A session with a terminal: foreground groups, ^C and ^Z, SIGTTIN, SIGTTOU, SIGWINCH, SIGHUP when the leader ends.
#include "check.h"
#include <termios.h>

static struct gate ready;
static void handler(int sig, siginfo_t *i, void *context) { (void)i, (void)context; say("  %s\n", signal_name(sig)); }

static pid_t job(void (*body)(int), int tty, int foreground) {
    pid_t p = MUST(fork());
    if (p == 0) {
        setpgid(0, 0);
        if (foreground) { signal(SIGTTOU, SIG_IGN); tcsetpgrp(tty, getpid()); signal(SIGTTOU, SIG_DFL); }
        body(tty);
        _exit(7);
    }
    setpgid(p, p);
    return p;
}

static void waits(int tty) { (void)tty; gate_open(ready); for (;;) pause(); }
static void reads(int tty) { char c; VALUE(read(tty, &c, 1)); }
static void ignores(int tty) { char c; signal(SIGTTIN, SIG_IGN); VALUE(read(tty, &c, 1)); }
static void writes(int tty) {
    struct termios t;
    tcgetattr(tty, &t);
    VALUE(write(tty, "x", 1));
    VALUE(tcsetattr(tty, TCSANOW, &t));
}

static void stopped(const char *who, pid_t p) {
    int status;
    MUST(waitpid(p, &status, WUNTRACED));
    say_status(who, status);
}

int main(void) {
    // A shell that started the tests in its background ignores them.
    signal(SIGINT, SIG_DFL), signal(SIGQUIT, SIG_DFL);
    ready = gate_make();
    int m = posix_openpt(O_RDWR | O_NOCTTY);
    if (m < 0) { say("%s\n", error_name(errno)); return 0; }
    grantpt(m), unlockpt(m);
    char name[100];
    strcpy(name, ptsname(m));
    reap("session", CHILD(
        MUST(setsid());
        int tty = MUST(open(name, O_RDWR));
        say("leader's %d %d\n", tcgetsid(tty) == getpid(), tcgetpgrp(tty) == getpid());
        handle_with(SIGWINCH, handler, SA_RESTART);
        MUST(ioctl(m, TIOCSWINSZ, &(struct winsize){.ws_row = 5, .ws_col = 6}));
        pid_t p = job(waits, tty, 1);
        gate_wait(ready);
        say("foreground %d\n", tcgetpgrp(tty) == p);
        MUST(write(m, "\003", 1));
        reap("^C", p);
        p = job(waits, tty, 1);
        gate_wait(ready);
        MUST(write(m, "\032", 1));
        stopped("^Z", p);
        kill(p, SIGCONT);
        MUST(write(m, "\034", 1));
        int status;
        MUST(waitpid(p, &status, 0));
        say("^\\: killed by %s\n", signal_name(WTERMSIG(status)));
        signal(SIGTTOU, SIG_IGN);
        VALUE(tcsetpgrp(tty, getpid()));
        signal(SIGTTOU, SIG_DFL);
        p = job(reads, tty, 0);
        stopped("background read", p);
        kill(p, SIGKILL);
        reap("background read", p);
        p = job(ignores, tty, 0);
        reap("ignored", p);
        p = job(writes, tty, 0);
        stopped("background tcsetattr", p);
        kill(p, SIGKILL);
        reap("background tcsetattr", p);
        VALUE(tcsetpgrp(tty, 99999999));
        VALUE(tcsetpgrp(m, getpid()) < 0 ? -1 : 0);
        VALUE(setsid());
        p = fork();
        if (p == 0) { handle_with(SIGHUP, handler, 0); gate_open(ready); pause(); _exit(0); }
        gate_wait(ready);
        until_asleep(p);
        signal(SIGHUP, SIG_IGN);
        int r = ioctl(tty, TIOCNOTTY);
        reap("hung up", p);
        VALUE(r);
        VALUE(open("/dev/tty", O_RDWR))));
}
