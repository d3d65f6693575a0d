/* Looking into core files. Included after check.h. */
#include <elf.h>
#include <sys/procfs.h>

struct core {
    char *base;
    size_t size;
    Elf64_Phdr *ph;
    int count;
};

UNUSED static struct core core_open(const char *name) {
    struct core c = {0};
    int fd = open(name, O_RDONLY);
    struct stat st;
    if (fd < 0) { say("%s: %s\n", name, error_name(errno)); return c; }
    MUST(fstat(fd, &st));
    say("%s: mode %o, links %d\n", name, st.st_mode, (int)st.st_nlink);
    c.size = st.st_size;
    c.base = MUST(mmap(NULL, c.size, PROT_READ, MAP_PRIVATE, fd, 0));
    close(fd);
    Elf64_Ehdr *e = (void *)c.base;
    say("magic %d class %d type %d machine %d phentsize %d\n", memcmp(e->e_ident, ELFMAG, 4), e->e_ident[EI_CLASS], e->e_type, e->e_machine,
        e->e_phentsize);
    c.ph = (void *)(c.base + e->e_phoff);
    c.count = e->e_phnum;
    return c;
}

/* Calls f for each note. */
UNUSED static void core_notes(struct core *c, void (*f)(const char *name, unsigned type, const char *desc, unsigned size)) {
    for (int i = 0; i < c->count; i++) {
        if (c->ph[i].p_type != PT_NOTE) continue;
        char *at = c->base + c->ph[i].p_offset, *end = at + c->ph[i].p_filesz;
        while (at < end) {
            Elf64_Nhdr *n = (void *)at;
            char *name = at + sizeof *n, *desc = name + ((n->n_namesz + 3) & ~3);
            f(name, n->n_type, desc, n->n_descsz);
            at = desc + ((n->n_descsz + 3) & ~3);
        }
    }
}

/* What the file has of an address, or NULL. */
UNUSED static char *core_memory(struct core *c, const void *address, Elf64_Phdr **segment) {
    for (int i = 0; i < c->count; i++) {
        Elf64_Phdr *p = &c->ph[i];
        uint64_t a = (uint64_t)address;
        if (p->p_type != PT_LOAD || a < p->p_vaddr || a >= p->p_vaddr + p->p_memsz) continue;
        if (segment) *segment = p;
        return a < p->p_vaddr + p->p_filesz ? c->base + p->p_offset + (a - p->p_vaddr) : NULL;
    }
    if (segment) *segment = NULL;
    return NULL;
}

UNUSED static void core_limit(rlim_t soft) {
    struct rlimit l;
    MUST(getrlimit(RLIMIT_CORE, &l));
    l.rlim_cur = soft;
    MUST(setrlimit(RLIMIT_CORE, &l));
}
