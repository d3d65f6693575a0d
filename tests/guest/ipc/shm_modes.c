// System V shared memory: SHM_RND, SHM_RDONLY, SHM_EXEC, attach counts over fork, removal while attached, permissions, sizes.
#include "check.h"
#include <sys/shm.h>

static sigjmp_buf back;
static void handler(int sig, siginfo_t *i, void *context) { (void)i, (void)context; say("  %s\n", signal_name(sig)); siglongjmp(back, 1); }

static void show(int id) {
    struct shmid_ds d;
    if (shmctl(id, IPC_STAT, &d)) say("%s\n", error_name(errno));
    else say("size %zu attached %ld mode %o own %d\n", d.shm_segsz, (long)d.shm_nattch, d.shm_perm.mode, d.shm_cpid == getpid());
}

int main(void) {
    int id = MUST(shmget(IPC_PRIVATE, 5000, IPC_CREAT | 0640));
    show(id);
    char *p = MUST(shmat(id, NULL, 0)), *q = MUST(shmat(id, NULL, SHM_RDONLY));
    strcpy(p, "both");
    say("%s\n", q);
    handle_with(SIGSEGV, handler, 0);
    if (!sigsetjmp(back, 1)) q[0] = 1;
    show(id);
    reap("child", CHILD(show(id); strcpy(p, "child's")));
    say("%s\n", q);
    show(id);
    char *room = map_pages(4, PROT_NONE);
    munmap(room, 4 * PAGE);
    VALUE(shmat(id, room + 100, 0));
    VALUE(shmat(id, room + 100, SHM_RND) == room);
    VALUE(shmat(id, room, 0));
    VALUE(shmdt(room + 1));
    VALUE(shmdt(room));
    VALUE(shmdt(room));
    VALUE(shmctl(id, IPC_RMID, NULL));
    show(id);
    VALUE(shmat(id, NULL, 0) != (void *)-1);
    say("%s\n", p);
    MUST(shmdt(p));
    say("%s\n", q);
    VALUE(shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600));
    VALUE(shmget(0x7e11f, 10, 0600));
    VALUE(shmat(-1, NULL, 0));
}
