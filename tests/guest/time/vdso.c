// The vDSO's clock_gettime, gettimeofday, time and getcpu agree with the system calls, called by pointer as Go does.
#include "check.h"
#include <elf.h>
#include <sys/auxv.h>
static void *find(const char *name) {
    char *base = (char *)getauxval(AT_SYSINFO_EHDR);
    Elf64_Ehdr *e = (void *)base;
    Elf64_Phdr *p = (void *)(base + e->e_phoff);
    long bias = 0;
    Elf64_Dyn *d = NULL;
    for (int n = 0; n < e->e_phnum; n++) {
        if (p[n].p_type == PT_LOAD && !bias) bias = (long)base + p[n].p_offset - p[n].p_vaddr;
        if (p[n].p_type == PT_DYNAMIC) d = (void *)(base + p[n].p_offset);
    }
    char *str = NULL;
    Elf64_Sym *sym = NULL;
    uint32_t *hash = NULL;
    for (; d && d->d_tag; d++) {
        if (d->d_tag == DT_STRTAB) str = (char *)bias + d->d_un.d_ptr;
        if (d->d_tag == DT_SYMTAB) sym = (void *)(bias + d->d_un.d_ptr);
        if (d->d_tag == DT_HASH) hash = (void *)(bias + d->d_un.d_ptr);
    }
    for (uint32_t n = 0; hash && n < hash[1]; n++) if (!strcmp(str + sym[n].st_name, name)) return (void *)(bias + sym[n].st_value);
    // A vDSO with only a GNU hash: its symbols end where the strings begin.
    for (Elf64_Sym *s = sym; !hash && s && (char *)s < str; s++) if (!strcmp(str + s->st_name, name)) return (void *)(bias + s->st_value);
    return NULL;
}
int main(void) {
    int (*cg)(int, struct timespec *) = find("__vdso_clock_gettime");
    int (*gt)(struct timeval *, void *) = find("__vdso_gettimeofday");
    long (*t)(long *) = find("__vdso_time");
    int (*gc)(unsigned *, unsigned *, void *) = find("__vdso_getcpu");
    say("there %d %d %d %d\n", cg != NULL, gt != NULL, t != NULL, gc != NULL);
    if (!cg || !gt || !t || !gc) return 0;
    struct timespec a, b;
    struct timeval v;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &a);
    say("%d\n", cg(CLOCK_MONOTONIC, &b));
    say("later %d\n", b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
    say("%d\n", gt(&v, NULL));
    long now = syscall(SYS_time, NULL);
    say("close %d %d\n", now - v.tv_sec <= 1, t(NULL) - now <= 1);
    unsigned cpu = 99999;
    say("%d %d\n", gc(&cpu, NULL, NULL), cpu < 9999);
    say("bad clock %d\n", cg(77, &a));
}
