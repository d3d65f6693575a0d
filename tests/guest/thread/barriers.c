// Barriers, rwlocks, semaphores, spinlocks, once, keys with destructors.
#include "check.h"
#include <semaphore.h>
static pthread_barrier_t b;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static sem_t sem;
static pthread_key_t key;
static _Atomic int serial, onces, destroyed, readers, most;
static void init(void) { onces++; }
static void gone(void *p) { destroyed += (long)p; }
static void *thread(void *x) {
    pthread_setspecific(key, x);
    pthread_once(&once, init);
    for (int n = 0; n < 20; n++) serial += pthread_barrier_wait(&b) == PTHREAD_BARRIER_SERIAL_THREAD;
    pthread_rwlock_rdlock(&rw);
    int now = ++readers, m = most;
    while (now > m && !atomic_compare_exchange_weak(&most, &m, now)) {}
    pause_ms(3);
    readers--;
    pthread_rwlock_unlock(&rw);
    sem_post(&sem);
    return x;
}
int main(void) {
    pthread_barrier_init(&b, NULL, 5);
    sem_init(&sem, 0, 0);
    pthread_key_create(&key, gone);
    pthread_t t[5];
    for (long n = 0; n < 5; n++) pthread_create(&t[n], NULL, thread, (void *)(n + 1));
    for (int n = 0; n < 5; n++) while (sem_wait(&sem) == -1) {}
    for (int n = 0; n < 5; n++) pthread_join(t[n], NULL);
    say("serial %d once %d destroyed %d shared %d\n", serial, onces, destroyed, most >= 1);
    VALUE(sem_trywait(&sem));
    struct timespec ts = {1, 0};
    VALUE(sem_timedwait(&sem, &ts));
    RETURNS(pthread_rwlock_wrlock(&rw));
    RETURNS(pthread_rwlock_tryrdlock(&rw));
    RETURNS(pthread_rwlock_unlock(&rw));
}
