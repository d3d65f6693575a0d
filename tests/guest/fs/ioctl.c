// ioctl(2): FIONREAD, FIONBIO, FIOCLEX, terminals of a pty, errors.
#include "check.h"
#include <termios.h>
int main(void) {
    int p[2], n = 0;
    pipe(p);
    write(p[1], "abc", 3);
    VALUE(ioctl(p[0], FIONREAD, &n));
    VALUE(n);
    n = 1;
    VALUE(ioctl(p[0], FIONBIO, &n));
    say("%#x\n", fcntl(p[0], F_GETFL) & ~0100000);
    VALUE(ioctl(p[0], FIOCLEX));
    VALUE(fcntl(p[0], F_GETFD));
    VALUE(ioctl(p[0], TCGETS, &n));
    VALUE(ioctl(p[0], 0x12345678, &n));
    VALUE(ioctl(99, FIONREAD, &n));
    VALUE(ioctl(p[0], FIONREAD, 8));
    int m = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    if (m < 0) { say("ptmx: %s\n", error_name(errno)); return 0; }
    grantpt(m), unlockpt(m);
    int s = open(ptsname(m), O_RDWR | O_NOCTTY);
    struct termios t;
    VALUE(tcgetattr(s, &t));
    say("i %#x o %#x c %#x l %#x intr %d speed %#x\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, t.c_cc[VINTR], cfgetospeed(&t));
    struct winsize w = {25, 81, 3, 4};
    VALUE(ioctl(m, TIOCSWINSZ, &w));
    memset(&w, 0, sizeof w);
    VALUE(ioctl(s, TIOCGWINSZ, &w));
    say("%d %d %d %d\n", w.ws_row, w.ws_col, w.ws_xpixel, w.ws_ypixel);
    write(m, "line\n", 5);
    char b[20] = {};
    VALUE(read(s, b, 20));
    t.c_lflag &= ~(ICANON | ECHO);
    VALUE(tcsetattr(s, TCSANOW, &t));
    memset(b, 0, 20);
    VALUE(read(m, b, 20));
    VALUE(isatty(s));
    VALUE(ioctl(s, TIOCGPGRP, &n));
    reap("session", CHILD(setsid(); VALUE(ioctl(s, TIOCSCTTY, 0)); VALUE(tcgetpgrp(s) == getpid()); int c = open("/dev/tty", O_RDWR); VALUE(c >= 0); signal(SIGINT, SIG_DFL); write(m, "\003", 1); pause_ms(5000)));
}
