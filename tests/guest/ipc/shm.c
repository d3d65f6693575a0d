// System V shared memory: attach, sizes, rights, statistics, removal, errors.
#include "check.h"
#include <sys/shm.h>
int main(void) {
    int id = MUST(shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0640));
    struct shmid_ds d;
    VALUE(shmctl(id, IPC_STAT, &d));
    say("size %zu mode %o attached %ld own %d\n", d.shm_segsz, d.shm_perm.mode, (long)d.shm_nattch, d.shm_cpid == getpid());
    char *a = MUST(shmat(id, NULL, 0)), *b = MUST(shmat(id, NULL, SHM_RDONLY));
    a[5] = 42;
    say("%d\n", b[5]);
    reap("write to read-only", CHILD(setrlimit(RLIMIT_CORE, &(struct rlimit){}); b[0] = 1));
    reap("child", CHILD(a[6] = 43; shmctl(id, IPC_STAT, &d); say("attached %ld\n", (long)d.shm_nattch)));
    VALUE(b[6]);
    shmctl(id, IPC_STAT, &d);
    VALUE((long)d.shm_nattch);
    VALUE(shmdt(a + 5));
    VALUE(shmdt(b));
    VALUE(shmdt(b));
    VALUE((long)shmat(id, a + 1, 0));
    VALUE((long)shmat(id, a, 0));
    VALUE(shmat(id, a, SHM_REMAP) == a);
    VALUE(shmctl(id, IPC_RMID, NULL));
    say("still %d\n", a[6]);
    VALUE(shmdt(a));
    VALUE((long)shmat(id, NULL, 0));
    VALUE(shmget(IPC_PRIVATE, 0, IPC_CREAT));
    VALUE(shmget(0x7f3a91, 100, 0));
    VALUE(shmctl(-1, IPC_STAT, &d));
    VALUE(munmap(a, PAGE));
}
