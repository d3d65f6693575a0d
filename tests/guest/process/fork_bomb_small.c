// Hundreds of short-lived children, several at a time, each status right.
#include "check.h"
int main(void) {
    int sum = 0, wrong = 0;
    for (int n = 0; n < 60; n++) {
        pid_t p[4];
        for (int k = 0; k < 4; k++) p[k] = CHILD(_exit((n * 4 + k) % 250));
        for (int k = 3; k >= 0; k--) { int s; waitpid(p[k], &s, 0); sum += WEXITSTATUS(s); wrong += WEXITSTATUS(s) != (n * 4 + k) % 250; }
    }
    say("sum %d wrong %d\n", sum, wrong);
    VALUE(wait(NULL));
}
