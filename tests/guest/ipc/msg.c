// System V messages: types, sizes, truncation, waiting, statistics.
#include "check.h"
#include <sys/msg.h>
struct m { long type; char text[100]; };
int main(void) {
    int id = MUST(msgget(IPC_PRIVATE, IPC_CREAT | 0600));
    struct m m = {5, "five"}, r = {};
    VALUE(msgsnd(id, &m, 5, 0));
    m = (struct m){3, "three"};
    VALUE(msgsnd(id, &m, 6, 0));
    m = (struct m){7, "a long seven"};
    VALUE(msgsnd(id, &m, 13, 0));
    struct msqid_ds d;
    VALUE(msgctl(id, IPC_STAT, &d));
    say("n %lu mode %o last own %d rtime %ld\n", (unsigned long)d.msg_qnum, d.msg_perm.mode, d.msg_lspid == getpid(), (long)d.msg_rtime);
    VALUE(msgrcv(id, &r, 100, -4, 0));
    say("%ld %s\n", r.type, r.text);
    VALUE(msgrcv(id, &r, 100, 9, IPC_NOWAIT));
    VALUE(msgrcv(id, &r, 3, 7, 0));
    VALUE(msgrcv(id, &r, 3, 7, MSG_NOERROR));
    VALUE(msgrcv(id, &r, 100, 7, IPC_NOWAIT | MSG_EXCEPT));
    say("%ld %s\n", r.type, r.text);
    pid_t p = CHILD(VALUE(msgrcv(id, &r, 100, 0, 0)));
    until_asleep(p);
    m.type = 1;
    MUST(msgsnd(id, &m, 2, 0));
    reap("waiter", p);
    m.type = 0;
    VALUE(msgsnd(id, &m, 2, 0));
    VALUE(msgsnd(id, (void *)8, 2, 0));
    VALUE(msgsnd(id, &m, -1, 0));
    VALUE(msgctl(id, IPC_RMID, NULL));
    VALUE(msgctl(id, IPC_STAT, &d));
    VALUE(msgget(0x7f3a92, 0));
}
