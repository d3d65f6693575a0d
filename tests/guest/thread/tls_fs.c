// FS and GS: arch_prctl reads and sets them, the instructions too, each thread has its own, signals keep them.
#include "check.h"
#include <asm/prctl.h>
static __thread int own = 5;
static void handler(int sig) { (void)sig; own++; }
static void *thread(void *x) {
    unsigned long fs = 0, gs = 1;
    syscall(SYS_arch_prctl, ARCH_GET_FS, &fs);
    syscall(SYS_arch_prctl, ARCH_GET_GS, &gs);
    say("own %d, fs differs %d, gs set %d\n", own, fs != (unsigned long)x, gs != 0);
    return NULL;
}
int main(void) {
    unsigned long fs, v = 0x1122334455667788, r;
    VALUE(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs));
    VALUE(syscall(SYS_arch_prctl, ARCH_SET_GS, &v));
    __asm__ volatile("movq %%gs:0, %0" : "=r"(r));
    say("%#lx\n", r);
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
    __asm__ volatile("movq %%gs:0, %0" : "=r"(r));
    say("%#lx own %d\n", r, own);
    pthread_t t;
    pthread_create(&t, NULL, thread, (void *)fs);
    pthread_join(t, NULL);
    reap("child", CHILD(unsigned long g = 0; syscall(SYS_arch_prctl, ARCH_GET_GS, &g); say("kept %d\n", g == (unsigned long)&v)));
    VALUE(syscall(SYS_arch_prctl, ARCH_SET_FS, 1UL << 63));
    VALUE(syscall(SYS_arch_prctl, ARCH_SET_GS, 1UL << 47));
    VALUE(syscall(SYS_arch_prctl, ARCH_GET_GS, 8));
    VALUE(syscall(SYS_arch_prctl, 77, 8));

}
