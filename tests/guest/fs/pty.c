// A pseudoterminal: numbers, window size, canonical and raw input, echo, packets, and hanging up.
#include "check.h"
#include <termios.h>

static void drain(const char *what, int fd) {
    char b[200];
    struct pollfd f = {fd, POLLIN, 0};
    int n = 0;
    while (n < 199 && poll(&f, 1, n ? 20 : 2000) == 1 && f.revents & POLLIN) {
        ssize_t r = read(fd, b + n, 199 - n);
        if (r <= 0) break;
        n += r;
    }
    say("%s:", what);
    for (int k = 0; k < n; k++) say(" %02x", (unsigned char)b[k]);
    say("\n");
}

int main(void) {
    int m = posix_openpt(O_RDWR | O_NOCTTY), n = 1;
    if (m < 0) { say("%s\n", error_name(errno)); return 0; }
    VALUE(grantpt(m));
    char name[64];
    VALUE(open(ptsname(m), O_RDWR | O_NOCTTY));
    VALUE(unlockpt(m));
    MUST(ioctl(m, TIOCGPTN, &n));
    snprintf(name, sizeof name, "/dev/pts/%d", n);
    say("name %d\n", !strcmp(name, ptsname(m)));
    int s = MUST(open(name, O_RDWR | O_NOCTTY));
    VALUE(isatty(s));
    struct winsize w = {.ws_row = 24, .ws_col = 80};
    VALUE(ioctl(m, TIOCSWINSZ, &w));
    memset(&w, 0, sizeof w);
    VALUE(ioctl(s, TIOCGWINSZ, &w));
    say("%d x %d\n", w.ws_row, w.ws_col);
    struct termios t;
    MUST(tcgetattr(s, &t));
    say("iflag %#x oflag %#x cflag %#x lflag %#x intr %d\n", t.c_iflag, t.c_oflag, t.c_cflag & ~CBAUD, t.c_lflag, t.c_cc[VINTR]);
    MUST(write(m, "ab\177c\n", 5));
    drain("line", s);
    drain("echo", m);
    t.c_oflag &= ~OPOST;
    cfmakeraw(&t);
    t.c_cc[VMIN] = 1;
    MUST(tcsetattr(s, TCSANOW, &t));
    MUST(write(m, "\003x\177", 3));
    drain("raw", s);
    MUST(write(s, "out\n", 4));
    drain("out", m);
    n = 1;
    VALUE(ioctl(m, TIOCPKT, &n));
    MUST(write(s, "p", 1));
    drain("packet", m);
    VALUE(tcflush(s, TCIFLUSH));
    drain("flush", m);
    VALUE(ioctl(s, TIOCGSID, &n));
    VALUE(tcgetpgrp(s));
    VALUE(ioctl(s, TIOCGPTN, &n));
    close(s);
    struct pollfd f = {m, POLLIN, 0};
    VALUE(poll(&f, 1, 0));
    say("revents %#x\n", f.revents);
    char c;
    n = 0;
    ioctl(m, TIOCPKT, &n);
    VALUE(read(m, &c, 1));
}
