// Many threads at once: each with its own storage, errno and stack; sums are right; condition variables wake all.
#include "check.h"
static _Thread_local int own;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static int sum, started, go;
static _Atomic long atomic_sum;
static void *thread(void *x) {
    own = (long)x;
    pthread_mutex_lock(&m);
    started++;
    pthread_cond_broadcast(&c);
    while (!go) pthread_cond_wait(&c, &m);
    sum += own;
    pthread_mutex_unlock(&m);
    for (int n = 0; n < 100; n++) atomic_sum += own;
    errno = own;
    sched_yield();
    return (void *)(long)(errno == own);
}
int main(void) {
    pthread_t t[40];
    for (long n = 0; n < 40; n++) MUST(pthread_create(&t[n], NULL, thread, (void *)n));
    pthread_mutex_lock(&m);
    while (started < 40) pthread_cond_wait(&c, &m);
    go = 1;
    pthread_cond_broadcast(&c);
    pthread_mutex_unlock(&m);
    long good = 0;
    for (int n = 0; n < 40; n++) { void *v; pthread_join(t[n], &v); good += (long)v; }
    say("sum %d atomic %ld good %ld\n", sum, atomic_sum, good);
    struct timespec when;
    clock_gettime(CLOCK_REALTIME, &when);
    when.tv_nsec += 2000000;
    if (when.tv_nsec >= 1000000000) when.tv_sec++, when.tv_nsec -= 1000000000;
    pthread_mutex_lock(&m);
    RETURNS(pthread_cond_timedwait(&c, &m, &when));
}
