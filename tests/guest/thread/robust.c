// Robust mutexes: EOWNERDEAD after a thread's and a process's death, ENOTRECOVERABLE, waiters are woken.
#include "check.h"
static pthread_mutex_t *m;
static void *dies(void *x) { pthread_mutex_lock(m); return x; }
static void *waits(void *x) { RETURNS(pthread_mutex_lock(m)); pthread_mutex_consistent(m); pthread_mutex_unlock(m); return x; }
int main(void) {
    m = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(m, &a);
    pthread_t t;
    pthread_create(&t, NULL, dies, NULL);
    pthread_join(t, NULL);
    RETURNS(pthread_mutex_lock(m));
    RETURNS(pthread_mutex_consistent(m));
    RETURNS(pthread_mutex_unlock(m));
    reap("exits", CHILD(pthread_mutex_lock(m)));
    RETURNS(pthread_mutex_lock(m));
    pthread_mutex_consistent(m);
    pthread_mutex_unlock(m);
    struct gate g = gate_make();
    pid_t p = CHILD(pthread_mutex_lock(m); gate_open(g); pause_ms(30000));
    gate_wait(g);
    pthread_create(&t, NULL, waits, NULL);
    pause_ms(20);
    kill(p, SIGKILL);
    pthread_join(t, NULL);
    reap("killed", p);
    reap("dies again", CHILD(pthread_mutex_lock(m)));
    RETURNS(pthread_mutex_lock(m));
    RETURNS(pthread_mutex_unlock(m));
    RETURNS(pthread_mutex_lock(m));
    void *head;
    size_t len;
    VALUE(syscall(SYS_get_robust_list, 0, &head, &len));
    VALUE(len);
    VALUE(syscall(SYS_set_robust_list, head, 5));
}
// qemu-user: does not tell of a process that died with a lock
