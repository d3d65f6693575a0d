// fork while other threads run: the child has one thread, its locks and memory are usable.
#include "check.h"
static volatile int stop;
static void *busy(void *x) { while (!stop) free(malloc(100 + rand() % 1000)); return x; }
int main(void) {
    pthread_t t[3];
    for (int n = 0; n < 3; n++) pthread_create(&t[n], NULL, busy, NULL);
    int good = 0;
    for (int n = 0; n < 30; n++) {
        pid_t p = CHILD(void *a = malloc(5000); free(a); pthread_t u; stop = 1; pthread_create(&u, NULL, busy, NULL); pthread_join(u, NULL); _exit(n));
        int s;
        waitpid(p, &s, 0);
        good += WIFEXITED(s) && WEXITSTATUS(s) == n;
    }
    stop = 1;
    for (int n = 0; n < 3; n++) pthread_join(t[n], NULL);
    say("good %d\n", good);
}
