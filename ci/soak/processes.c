// Short-lived processes, 500 a minute, each with an answer that is checked.
//   processes SECONDS [PER_MINUTE [PATIENCE]]
// Prints how many there were and exits with 0; with 1 on a wrong answer, a zombie or a descriptor left over,
// with 4 if it could not start that many; one that hangs for PATIENCE seconds (120) is ended by SIGALRM.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static unsigned long n;  // processes so far

#define EQ(is, should)                                                                                            \
    do {                                                                                                          \
        long is_ = (long)(is), should_ = (long)(should);                                                          \
        if (is_ != should_) {                                                                                     \
            printf("wrong: %s, process %lu: %#lx, not %#lx, errno %d\n", #is, n, is_, should_, errno);            \
            exit(1);                                                                                              \
        }                                                                                                         \
    } while (0)

static int status_of(pid_t pid) {
    int status;
    EQ(waitpid(pid, &status, 0), pid);
    return status;
}

// exit status
static void forked(unsigned v) {
    pid_t pid = fork();
    if (pid == 0) _exit((int)(v % 251));
    EQ(pid > 0, 1);
    EQ(status_of(pid), v % 251 << 8);
    n++;
}

// killed
static void killed(unsigned v) {
    int sig = v % 2 ? SIGKILL : SIGTERM;
    pid_t pid = fork();
    if (pid == 0)
        for (;;) pause();
    EQ(kill(pid, sig), 0);
    EQ(status_of(pid), sig);
    n++;
}

static void *thread(void *v) { return (void *)((uintptr_t)v * 3); }

// threads in it, and left without join
static void threads(unsigned v) {
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t[4];
        uintptr_t sum = 0;
        for (unsigned i = 0; i < 4; i++)
            if (pthread_create(&t[i], NULL, thread, (void *)(uintptr_t)(v % 10 + i))) _exit(255);
        for (unsigned i = 0; i < 3; i++) {
            void *r;
            pthread_join(t[i], &r);
            sum += (uintptr_t)r;
        }
        _exit((int)sum);
    }
    EQ(status_of(pid), (v % 10 * 9 + 9) << 8);
    n++;
}

// this program again, its answer through a pipe
static void executed(unsigned v) {
    int p[2];
    EQ(pipe(p), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, p[1], 1);
    posix_spawn_file_actions_addclose(&actions, p[0]);
    char number[16], answer[32] = "", want[32], *arguments[] = {"processes", "answer", number, NULL};
    snprintf(number, sizeof number, "%u", v);
    pid_t pid;
    EQ(posix_spawn(&pid, "/proc/self/exe", &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(p[1]);
    size_t got = 0;
    ssize_t r;
    while ((r = read(p[0], answer + got, sizeof answer - 1 - got)) > 0) got += (size_t)r;
    close(p[0]);
    EQ(status_of(pid), 9 << 8);
    snprintf(want, sizeof want, "%u\n", v * 2654435761u);
    EQ(strcmp(answer, want), 0);
    n++;
}

// a grandchild whose parent is gone becomes this one's
static void orphaned(unsigned v) {
    int p[2];
    EQ(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0) {
            char c;
            close(p[1]);
            while (read(p[0], &c, 1) > 0) {}
            _exit((int)(v % 100));
        }
        if (write(p[1], &grandchild, sizeof grandchild) < 0) _exit(255);
        _exit(0);
    }
    EQ(status_of(pid), 0);
    close(p[1]);
    close(p[0]);
    int status;
    pid = waitpid(-1, &status, 0);
    EQ(pid > 0, 1);
    EQ(status, v % 100 << 8);
    n += 2;
}

static int descriptors(void) {
    DIR *d = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(d)) count++;
    closedir(d);
    return count;
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "answer")) {
        printf("%u\n", (unsigned)strtoul(argv[2], NULL, 10) * 2654435761u);
        return 9;
    }
    if (argc < 2) return 2;
    int seconds = atoi(argv[1]), rate = argc > 2 ? atoi(argv[2]) : 500, patience = argc > 3 ? atoi(argv[3]) : 120;
    static void (*const kinds[])(unsigned) = {forked, executed, threads, killed, orphaned};
    EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    int before = descriptors();
    struct timespec begun, now;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    double took = 0;
    for (unsigned i = 0; took < seconds; i++) {
        alarm((unsigned)patience);
        kinds[i % (sizeof kinds / sizeof *kinds)](i * 2654435761u >> 5);
        clock_gettime(CLOCK_MONOTONIC, &now);
        took = (double)(now.tv_sec - begun.tv_sec) + (double)(now.tv_nsec - begun.tv_nsec) / 1e9;
        double ahead = (double)n * 60 / rate - took;
        if (ahead > 0) {
            usleep((useconds_t)(ahead * 1e6));
            took += ahead;
        }
    }
    EQ(descriptors(), before);
    EQ(waitpid(-1, NULL, 0), -1);
    EQ(errno, ECHILD);
    printf("%d s: processes %lu, %.0f a minute\n", seconds, n, (double)n * 60 / took);
    return (double)n * 60 / took < rate * 0.95 ? 4 : 0;
}
