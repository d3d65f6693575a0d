// Names of threads in /proc/self/task, the thread's own files there, and the number of threads as they come and go.
#include "check.h"
// qemu-user: has a thread of its own

static pthread_barrier_t b;
static void *thread(void *x) {
    char name[20], path[64], text[64] = "", link[64] = "";
    snprintf(name, sizeof name, "worker %ld", (long)x);
    pthread_setname_np(pthread_self(), name);
    snprintf(path, sizeof path, "/proc/self/task/%ld/comm", syscall(SYS_gettid));
    int fd = open(path, O_RDONLY);
    read(fd, text, sizeof text - 1);
    close(fd);
    readlink("/proc/thread-self", link, sizeof link - 1);
    snprintf(path, sizeof path, "%d/task/%ld", getpid(), syscall(SYS_gettid));
    static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    static int turn = 1;
    for (;;) {
        pthread_mutex_lock(&m);
        if (turn == (long)x) break;
        pthread_mutex_unlock(&m);
        usleep(200);
    }
    say("%s thread-self %d\n", strtok(text, "\n"), !strcmp(link, path));
    turn++;
    pthread_mutex_unlock(&m);
    pthread_barrier_wait(&b);
    pthread_barrier_wait(&b);
    return x;
}

static int tasks(void) {
    DIR *d = opendir("/proc/self/task");
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

int main(void) {
    pthread_t t[3];
    pthread_barrier_init(&b, NULL, 4);
    VALUE(tasks());
    for (long n = 0; n < 3; n++) pthread_create(&t[n], NULL, thread, (void *)(n + 1));
    pthread_barrier_wait(&b);
    VALUE(tasks());
    char l[200];
    FILE *f = fopen("/proc/self/status", "r");
    while (fgets(l, sizeof l, f)) if (!strncmp(l, "Threads:", 8)) say("%s", l);
    fclose(f);
    pthread_barrier_wait(&b);
    for (int n = 0; n < 3; n++) pthread_join(t[n], NULL);
    // A thread that was joined may still be on its way out.
    for (int n = 0; n < 1000 && tasks() > 1; n++) usleep(1000);
    VALUE(tasks());
    VALUE(prctl(PR_SET_NAME, "a name that is too long"));
    VALUE(prctl(PR_GET_NAME, l));
    say("%s\n", l);
    VALUE(access("/proc/self/task/1", F_OK));
}
