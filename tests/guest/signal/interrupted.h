/* For the tests of calls that a handled SIGUSR1 interrupts. `parent` is the process that makes them. */
#include "check.h"

static void handler(int sig, siginfo_t *i, void *context) { (void)sig, (void)i, (void)context; say("  handled\n"); }
static pid_t parent;

// Interrupts us once we are asleep, then lets the call end.
#define INTERRUPTED(name, after, ...) do { \
    say("%s\n", name); \
    pid_t helper = CHILD(until_asleep(parent); kill(parent, SIGUSR1); usleep(3000); until_asleep(parent); after); \
    VALUE(__VA_ARGS__); \
    kill(helper, SIGKILL); \
    while (waitpid(helper, NULL, 0) == -1 && errno == EINTR) {} \
} while (0)
