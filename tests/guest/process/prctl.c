// prctl(2): what can be set and read, and what is refused.
#include "check.h"

int main(void) {
    VALUE(prctl(PR_GET_DUMPABLE));
    VALUE(prctl(PR_SET_DUMPABLE, 0));
    VALUE(prctl(PR_GET_DUMPABLE));
    VALUE(prctl(PR_SET_DUMPABLE, 1));
    VALUE(prctl(PR_SET_DUMPABLE, 5));
    VALUE(prctl(PR_GET_KEEPCAPS));
    VALUE(prctl(PR_SET_KEEPCAPS, 1));
    VALUE(prctl(PR_GET_KEEPCAPS));
    VALUE(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    VALUE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    VALUE(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    VALUE(prctl(PR_GET_TIMERSLACK));
    VALUE(prctl(PR_SET_TIMERSLACK, 12345));
    VALUE(prctl(PR_GET_TIMERSLACK));
    VALUE(prctl(PR_GET_SECCOMP));
    VALUE(prctl(PR_GET_TIMING));
    int tsc = 0;
    VALUE(prctl(PR_GET_TSC, &tsc));
    say("tsc %d\n", tsc);
    VALUE(prctl(PR_CAPBSET_READ, 99));
    VALUE(prctl(PR_SET_PDEATHSIG, 99));
    VALUE(prctl(999999));
    VALUE(prctl(PR_GET_UNALIGN, &tsc));
    VALUE(prctl(PR_SET_NAME, 8));
    int *clear = NULL;
    VALUE(prctl(PR_GET_TID_ADDRESS, &clear));
    syscall(SYS_set_tid_address, &tsc);
    VALUE(prctl(PR_GET_TID_ADDRESS, &clear));
    say("tid address %s\n", clear == &tsc ? "as set" : "other");
}
