// The vDSO's functions, found as Go's runtime finds them: by the dynamic section, the name's hash and the symbol's version.
#include "check.h"
#include <elf.h>
#include <sys/auxv.h>

static struct { uint32_t *hash, *gnu; char *strings; Elf64_Sym *symbols; Elf64_Half *versions; Elf64_Verdef *defined; } v;

static uint32_t sysv(const char *s) {
    uint32_t h = 0;
    for (; *s; s++) {
        h = (h << 4) + (unsigned char)*s;
        h = (h ^ (h & 0xf0000000) >> 24) & 0x0fffffff;
    }
    return h;
}

static uint32_t gnu(const char *s) {
    uint32_t h = 5381;
    for (; *s; s++) h = h * 33 + (unsigned char)*s;
    return h;
}

// The number of a version, by hash and name.
static int version(const char *name) {
    if (!v.defined) return -1;
    for (Elf64_Verdef *d = v.defined;; d = (void *)((char *)d + d->vd_next)) {
        Elf64_Verdaux *a = (void *)((char *)d + d->vd_aux);
        if (!(d->vd_flags & VER_FLG_BASE) && d->vd_hash == sysv(name) && !strcmp(v.strings + a->vda_name, name)) return d->vd_ndx & 0x7fff;
        if (!d->vd_next) return 0;
    }
}

static int is(uint32_t i, const char *name, int wanted) {
    Elf64_Sym *s = &v.symbols[i];
    int bind = ELF64_ST_BIND(s->st_info);
    return ELF64_ST_TYPE(s->st_info) == STT_FUNC && (bind == STB_GLOBAL || bind == STB_WEAK) && s->st_shndx != SHN_UNDEF
        && !strcmp(v.strings + s->st_name, name) && (v.versions[i] & 0x7fff) == wanted;
}

static uint32_t find(const char *name, int wanted) {
    if (v.hash) {
        uint32_t *chain = v.hash + 2 + v.hash[0];
        for (uint32_t i = v.hash[2 + sysv(name) % v.hash[0]]; i; i = chain[i])
            if (is(i, name, wanted)) return i;
        return 0;
    }
    uint32_t n = v.gnu[0], first = v.gnu[1], *bucket = v.gnu + 4 + 2 * v.gnu[2], *chain = bucket + n;
    for (uint32_t i = bucket[gnu(name) % n]; i >= first; i++) {
        if ((chain[i - first] | 1) == (gnu(name) | 1) && is(i, name, wanted)) return i;
        if (chain[i - first] & 1) break;
    }
    return 0;
}

int main(void) {
    char *base = (char *)getauxval(AT_SYSINFO_EHDR);
    TRUE(base && !memcmp(base, ELFMAG, SELFMAG));
    Elf64_Phdr *p = (void *)(base + ((Elf64_Ehdr *)base)->e_phoff);
    Elf64_Dyn *d = NULL;
    char *load = NULL;
    long soname = 0;
    for (int i = 0; i < ((Elf64_Ehdr *)base)->e_phnum; i++) {
        if (p[i].p_type == PT_LOAD && !load) load = base + p[i].p_offset - p[i].p_vaddr;
        if (p[i].p_type == PT_DYNAMIC) d = (void *)(base + p[i].p_offset);
    }
    TRUE(load && d);
    for (; d->d_tag != DT_NULL; d++) {
        void *at = load + d->d_un.d_ptr;
        switch (d->d_tag) {
        case DT_HASH: v.hash = at; break;
        case DT_GNU_HASH: v.gnu = at; break;
        case DT_STRTAB: v.strings = at; break;
        case DT_SYMTAB: v.symbols = at; break;
        case DT_VERSYM: v.versions = at; break;
        case DT_VERDEF: v.defined = at; break;
        case DT_VERDEFNUM: VALUE(d->d_un.d_val); break;
        case DT_SONAME: soname = d->d_un.d_val; break;
        }
    }
    say("name %s\n", v.strings + soname);
    say("hash %d, strings %d, symbols %d, versions %d, definitions %d\n", v.hash || v.gnu, !!v.strings, !!v.symbols, !!v.versions, !!v.defined);
    VALUE(version("LINUX_2.6"));
    VALUE(version("LINUX_2.7"));
    int wanted = version("LINUX_2.6");
    if (wanted <= 0) return 1;
    const char *names[] = {"clock_gettime", "gettimeofday", "time", "getcpu", "clock_getres"};
    for (int i = 0; i < 5; i++) {
        char full[40];
        snprintf(full, sizeof full, "__vdso_%s", names[i]);
        say("%s %d %d, of another version %d\n", names[i], find(full, wanted) != 0, find(names[i], wanted) != 0, find(full, wanted + 1) != 0);
    }
    say("no such function %d\n", find("__vdso_nothing", wanted) != 0);
    int (*gettime)(clockid_t, struct timespec *) = (void *)(load + v.symbols[find("__vdso_clock_gettime", wanted)].st_value);
    struct timespec a, b, c;
    MUST(clock_gettime(CLOCK_MONOTONIC, &a));
    VALUE(gettime(CLOCK_MONOTONIC, &b));
    MUST(clock_gettime(CLOCK_MONOTONIC, &c));
    long x = a.tv_sec * 1000000000 + a.tv_nsec, y = b.tv_sec * 1000000000 + b.tv_nsec, z = c.tv_sec * 1000000000 + c.tv_nsec;
    say("in order %d\n", x <= y && y <= z);
    VALUE(gettime(1000000, &b));
}
