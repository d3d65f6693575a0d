// Priority-inheriting robust mutexes: the death of the owner while another waits, by thread exit and by a process's end.
#include "check.h"

static pthread_mutex_t *m;
static struct gate locked, go;
static atomic_int tid;
static void *dies(void *x) { pthread_mutex_lock(m); gate_open(locked); gate_wait(go); return x; }
static void *waits(void *x) {
    tid = syscall(SYS_gettid);
    RETURNS(pthread_mutex_lock(m));
    RETURNS(pthread_mutex_consistent(m));
    RETURNS(pthread_mutex_unlock(m));
    return x;
}

int main(void) {
    m = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    locked = gate_make(), go = gate_make();
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    RETURNS(pthread_mutex_init(m, &a));
    for (int round = 0; round < 3; round++) {
        pthread_t t, w;
        tid = 0;
        pthread_create(&t, NULL, dies, NULL);
        gate_wait(locked);
        pthread_create(&w, NULL, waits, NULL);
        while (!tid) usleep(100);
        until_asleep(tid);
        gate_open(go);
        pthread_join(w, NULL);
        pthread_join(t, NULL);
    }
    pid_t p = CHILD(dies(NULL));
    gate_wait(locked);
    pthread_t w;
    tid = 0;
    pthread_create(&w, NULL, waits, NULL);
    while (!tid) usleep(100);
    until_asleep(tid);
    kill(p, SIGKILL);
    pthread_join(w, NULL);
    reap("killed", p);
    pthread_t t;
    gate_open(go);
    pthread_create(&t, NULL, dies, NULL);
    pthread_join(t, NULL);
    gate_wait(locked);
    RETURNS(pthread_mutex_trylock(m));
    RETURNS(pthread_mutex_unlock(m));
    RETURNS(pthread_mutex_lock(m));
}
