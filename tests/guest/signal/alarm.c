// alarm(2): what is left, one timer with ITIMER_REAL, kept over exec, not by a fork.
#include "check.h"

static void handler(int sig, siginfo_t *i, void *context) { (void)context; say("  %s code %d\n", signal_name(sig), i->si_code); }

int main(int argc, char **argv) {
    if (argc > 1) {
        say("after exec %d\n", alarm(0) > 90);
        return 0;
    }
    VALUE(alarm(100));
    VALUE(alarm(50) > 90);
    struct itimerval t;
    MUST(getitimer(ITIMER_REAL, &t));
    say("itimer %d interval %ld\n", t.it_value.tv_sec >= 40 && t.it_value.tv_sec <= 50, (long)t.it_interval.tv_sec);
    reap("child", CHILD(VALUE(alarm(0))));
    handle_with(SIGALRM, handler, 0);
    block(SIGALRM, 0);
    t.it_value = (struct timeval){0, 1000};
    MUST(setitimer(ITIMER_REAL, &t, NULL));
    VALUE(pause_for(SIGALRM));
    unblock(SIGALRM, 0);
    VALUE(alarm(0));
    // Less than a second left still counts as one.
    t.it_value = (struct timeval){0, 900000};
    MUST(setitimer(ITIMER_REAL, &t, NULL));
    VALUE(alarm(0));
    VALUE(setitimer(7, &t, NULL));
    t.it_value.tv_usec = 1000000;
    VALUE(setitimer(ITIMER_REAL, &t, NULL));
    VALUE(getitimer(ITIMER_REAL, (void *)8));
    alarm(100);
    execl("/proc/self/exe", argv[0], "x", NULL);
}
