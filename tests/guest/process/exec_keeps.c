// What exec keeps and what it drops: pid, mask, ignored signals, limits, umask, nice, locks, itimers, alternate stack, mappings, names.
#include "check.h"

int main(int argc, char **argv) {
    if (argc > 1) {
        sigset_t m;
        struct rlimit l;
        struct sigaction a;
        stack_t st;
        char name[20];
        sigprocmask(0, NULL, &m);
        getrlimit(RLIMIT_NOFILE, &l);
        sigaction(SIGHUP, NULL, &a);
        say("pid %d blocked %d ignored %d", getpid() == atoi(argv[1]), sigismember(&m, SIGUSR1), a.sa_handler == SIG_IGN);
        sigaction(SIGUSR2, NULL, &a);
        sigaltstack(NULL, &st);
        say(" handler %d stack %#x\n", a.sa_handler == SIG_DFL, st.ss_flags);
        say("limit %lu umask %o nice %d session %d group %d\n", l.rlim_cur, umask(0), getpriority(PRIO_PROCESS, 0), getsid(0) == getpid(), getpgrp() == getpid());
        prctl(PR_GET_NAME, name);
        say("name %s deathsig %d dumpable %d subreaper %d no_new_privs %d\n", name, prctl(PR_GET_PDEATHSIG, &st.ss_flags) + st.ss_flags, prctl(PR_GET_DUMPABLE),
            prctl(PR_GET_CHILD_SUBREAPER, &st.ss_size) + (int)(st.ss_size & 1), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
        int f = atoi(argv[2]);
        say("offset %ld append %d shared memory %d\n", (long)lseek(f, 0, SEEK_CUR), !!(fcntl(f, F_GETFL) & O_APPEND), fcntl(f + 1, F_GETFD));
        struct flock k = {.l_type = F_WRLCK};
        reap("lock", CHILD(fcntl(f, F_GETLK, &k); say("held by parent %d\n", k.l_type == F_WRLCK && k.l_pid == getppid())));
        say("timer slack %d\n", prctl(PR_GET_TIMERSLACK));
        return 0;
    }
    signal(SIGHUP, SIG_IGN);
    handle_with(SIGUSR2, (void *)main, 0);
    block(SIGUSR1, 0);
    static char alt[32768];
    sigaltstack(&(stack_t){.ss_sp = alt, .ss_size = sizeof alt}, NULL);
    if (fork()) { int s; wait(&s); say_status("ends", s); return 0; }
    setsid();
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){60, 60});
    umask(027);
    setpriority(PRIO_PROCESS, 0, 4);
    prctl(PR_SET_NAME, "before");
    prctl(PR_SET_PDEATHSIG, SIGCONT);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_TIMERSLACK, 77777);
    int f = MUST(open("f", O_CREAT | O_RDWR | O_APPEND, 0600));
    f = MUST(fcntl(f, F_DUPFD, 40));
    MUST(fcntl(f, F_DUPFD_CLOEXEC, f + 1));
    write(f, "12345", 5);
    fcntl(f, F_SETLK, &(struct flock){.l_type = F_WRLCK});
    char pid[20], fd[20];
    snprintf(pid, sizeof pid, "%d", getpid());
    snprintf(fd, sizeof fd, "%d", f);
    symlink("/proc/self/exe", "other-name");
    execl("/proc/self/exe", argv[0], pid, fd, NULL);
    give_up("exec", __LINE__);
}
