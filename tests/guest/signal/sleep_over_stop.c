// A sleep or poll interrupted by SIGSTOP and SIGCONT without handlers goes on and is not cut short or begun again.
#include "check.h"

int main(void) {
    for (int n = 0; n < 4; n++) {
        pid_t p = CHILD(
            long from = now_ms();
            struct pollfd none = {.fd = -1};
            int r = 0;
            if (n == 0) r = nanosleep(&(struct timespec){0, 120000000}, NULL);
            if (n == 1) r = poll(&none, 1, 120);
            if (n == 2) r = clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){0, 120000000}, NULL);
            if (n == 3) r = select(0, NULL, NULL, NULL, &(struct timeval){0, 120000});
            long took = now_ms() - from;
            say("%d: returns %d %s, %s\n", n, r, r < 0 ? error_name(errno) : "", took < 115 ? "too early" : took < 2000 ? "in time" : "late"));
        usleep(20000);
        kill(p, SIGSTOP);
        waitpid(p, NULL, WUNTRACED);
        usleep(20000);
        kill(p, SIGCONT);
        reap("child", p);
    }
}
