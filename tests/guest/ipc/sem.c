// System V semaphores: operations, undo, waiting, timeouts, all commands of semctl.
#include "check.h"
#include <sys/sem.h>
union semun { int val; struct semid_ds *buf; unsigned short *array; };
int main(void) {
    int id = MUST(semget(IPC_PRIVATE, 3, IPC_CREAT | 0600));
    unsigned short v[3] = {1, 2, 3};
    struct semid_ds d;
    memset(&d, 0x55, sizeof d);
    VALUE(semctl(id, 0, IPC_STAT, (union semun){.buf = &d}));
    say("n %lu mode %o otime %ld ctime %d\n", (unsigned long)d.sem_nsems, d.sem_perm.mode, (long)d.sem_otime, d.sem_ctime > 1000000000);
    VALUE(semctl(id, 0, SETALL, (union semun){.array = v}));
    VALUE(semctl(id, 1, GETVAL));
    VALUE(semop(id, &(struct sembuf){0, -1, IPC_NOWAIT}, 1));
    VALUE(semop(id, &(struct sembuf){0, -1, IPC_NOWAIT}, 1));
    VALUE(semop(id, &(struct sembuf){2, 0, IPC_NOWAIT}, 1));
    VALUE(semtimedop(id, &(struct sembuf){0, -1, 0}, 1, &(struct timespec){0, 2000000}));
    reap("undo", CHILD(semop(id, &(struct sembuf){1, -2, SEM_UNDO}, 1); VALUE(semctl(id, 1, GETVAL))));
    VALUE(semctl(id, 1, GETVAL));
    pid_t p = CHILD(semop(id, &(struct sembuf){0, -3, 0}, 1));
    until_asleep(p);
    VALUE(semctl(id, 0, GETNCNT));
    VALUE(semctl(id, 0, SETVAL, (union semun){.val = 3}));
    reap("waiter", p);
    VALUE(semctl(id, 0, GETPID) == p);
    memset(v, 0, sizeof v);
    VALUE(semctl(id, 0, GETALL, (union semun){.array = v}));
    say("%d %d %d\n", v[0], v[1], v[2]);
    d.sem_perm.mode = 0644;
    VALUE(semctl(id, 0, IPC_SET, (union semun){.buf = &d}));
    VALUE(semctl(id, 0, IPC_STAT, (union semun){.buf = &d}));
    say("mode %o otime %d\n", d.sem_perm.mode, d.sem_otime > 1000000000);
    VALUE(semctl(id, 7, GETVAL));
    VALUE(semctl(id, 0, 77));
    VALUE(semctl(id, 0, SETVAL, (union semun){.val = 99999}));
    VALUE(semctl(id, 0, IPC_STAT, (union semun){.buf = (void *)8}));
    VALUE(semop(id, &(struct sembuf){9, 1, 0}, 1));
    VALUE(semop(id, (void *)8, 1));
    p = CHILD(VALUE(semop(id, &(struct sembuf){0, -3, 0}, 1)));
    until_asleep(p);
    MUST(semctl(id, 0, IPC_RMID));
    reap("removed", p);
    VALUE(semctl(id, 0, GETVAL));
}
