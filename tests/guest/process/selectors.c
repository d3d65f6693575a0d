// Segment selectors and bases: arch_prctl sets the base and clears the selector, MOV to FS sets both, threads have their own.
#include "check.h"
#include <asm/prctl.h>

static unsigned fs(void) { unsigned v; __asm__ volatile("mov %%fs, %0" : "=r"(v)); return v; }
static unsigned gs(void) { unsigned v; __asm__ volatile("mov %%gs, %0" : "=r"(v)); return v; }
static unsigned long gsbase(void) { unsigned long v = 0; syscall(SYS_arch_prctl, ARCH_GET_GS, &v); return v; }
static void *thread(void *x) { say("thread: gs %#x base %#lx fs %#x\n", gs(), gsbase(), fs()); return x; }

int main(void) {
    static long data[4] = {11, 22, 33, 44};
    long v;
    say("fs %#x gs %#x base %#lx\n", fs(), gs(), gsbase());
    VALUE(syscall(SYS_arch_prctl, ARCH_SET_GS, data));
    __asm__ volatile("mov %%gs:16, %0" : "=r"(v));
    say("gs:16 = %ld\n", v);
    unsigned short ds = 0x2b;
    __asm__ volatile("mov %0, %%gs" :: "r"(ds));
    say("loaded: gs %#x base %#lx\n", gs(), gsbase());
    pthread_t t;
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    VALUE(syscall(SYS_arch_prctl, ARCH_SET_GS, data));
    say("set: gs %#x base %d\n", gs(), gsbase() == (unsigned long)data);
    __asm__ volatile("mov %%gs:8, %0" : "=r"(v));
    say("gs:8 = %ld\n", v);
    reap("child", CHILD(say("gs %#x base %d\n", gs(), gsbase() == (unsigned long)data)));
    unsigned long base;
    MUST(syscall(SYS_arch_prctl, ARCH_GET_FS, &base));
    VALUE(syscall(SYS_arch_prctl, ARCH_SET_FS, base));
    say("fs %#x\n", fs());
    VALUE(syscall(SYS_arch_prctl, ARCH_SET_GS, 1UL << 47));
    VALUE(syscall(SYS_arch_prctl, ARCH_SET_GS, -1UL));
    VALUE(syscall(SYS_arch_prctl, ARCH_GET_GS, 8));
    VALUE(syscall(SYS_arch_prctl, 0x1234, 8));
}
