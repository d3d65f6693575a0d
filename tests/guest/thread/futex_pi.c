// Priority-inheriting futexes: lock, trylock, unlock by another thread, deadlock, owner death.
#include "check.h"
static pthread_mutex_t m;
static void *locks(void *x) { RETURNS(pthread_mutex_trylock(&m)); RETURNS(pthread_mutex_unlock(&m)); return x; }
static void *dies(void *x) { pthread_mutex_lock(&m); return x; }
static int count;
static void *adds(void *x) { for (int n = 0; n < 500; n++) { pthread_mutex_lock(&m); count++; pthread_mutex_unlock(&m); } return x; }
static void run(void *(*f)(void *)) { pthread_t t; pthread_create(&t, NULL, f, NULL); pthread_join(t, NULL); }
int main(void) {
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    RETURNS(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT));
    pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    RETURNS(pthread_mutex_init(&m, &a));
    RETURNS(pthread_mutex_lock(&m));
    RETURNS(pthread_mutex_lock(&m));
    run(locks);
    RETURNS(pthread_mutex_unlock(&m));
    RETURNS(pthread_mutex_unlock(&m));
    pthread_t t[4];
    for (int n = 0; n < 4; n++) pthread_create(&t[n], NULL, adds, NULL);
    for (int n = 0; n < 4; n++) pthread_join(t[n], NULL);
    say("count %d\n", count);
    run(dies);
    RETURNS(pthread_mutex_lock(&m));
    RETURNS(pthread_mutex_consistent(&m));
    RETURNS(pthread_mutex_unlock(&m));
    RETURNS(pthread_mutex_lock(&m));
}
