/* A plugin of qemu-riscv64 (7.1 to 8.2: version 1 of the plugin interface) that counts the instructions a
 * program executes: all, those outside the program's own code, which for felix is translated code, and
 * those between felix's marks (sys::meter::mark): translating regions, making units. Built and used by
 * ci/bench.sh:
 *     qemu-riscv64 -plugin count.so,out=FILE PROGRAM
 * appends "INSNS all outside translating making" to FILE when the process ends. Blocks are counted when they
 * begin, so a mark is off by less than a block. Meant for programs with one thread. */
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Debian's packages have no qemu-plugin.h: the part of it that is needed. */
#define EXPORT __attribute__((visibility("default")))
typedef uint64_t id_t_;
struct tb;
struct insn;
enum { ADD_U64 = 0, NO_REGS = 0 };
extern void qemu_plugin_register_vcpu_tb_trans_cb(id_t_, void (*)(id_t_, struct tb *));
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct tb *, int, void *, uint64_t);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct insn *, void (*)(unsigned, void *), int, void *);
extern void qemu_plugin_register_atexit_cb(id_t_, void (*)(id_t_, void *), void *);
extern size_t qemu_plugin_tb_n_insns(const struct tb *);
extern uint64_t qemu_plugin_tb_vaddr(const struct tb *);
extern struct insn *qemu_plugin_tb_get_insn(const struct tb *, size_t);
extern const void *qemu_plugin_insn_data(const struct insn *);
extern size_t qemu_plugin_insn_size(const struct insn *);
extern uint64_t qemu_plugin_start_code(void);
extern uint64_t qemu_plugin_end_code(void);

EXPORT int qemu_plugin_version = 1;

/* slti zero, zero, 0x71 to 0x74: a region begins and ends, a unit begins and ends. */
#define FIRST 0x07102013u
#define MARK(n) (FIRST + ((uint32_t)(n) << 20))

static uint64_t all, outside, made[2], begun;
static char out[4096];

static void mark(unsigned cpu, void *which)
{
    (void)cpu;
    uintptr_t n = (uintptr_t)which;
    if (n % 2)
        made[n / 2] += all - begun;
    else
        begun = all;
}

static void translated(id_t_ id, struct tb *tb)
{
    (void)id;
    size_t n = qemu_plugin_tb_n_insns(tb);
    uint64_t at = qemu_plugin_tb_vaddr(tb);
    qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &all, n);
    if (at < qemu_plugin_start_code() || at >= qemu_plugin_end_code())
        qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &outside, n);
    for (size_t i = 0; i < n; i++) {
        struct insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint32_t word;
        if (qemu_plugin_insn_size(insn) != sizeof word)
            continue;
        memcpy(&word, qemu_plugin_insn_data(insn), sizeof word);
        for (uintptr_t n = 0; n < 4; n++)
            if (word == MARK(n))
                qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, NO_REGS, (void *)n);
    }
}

static void at_exit(id_t_ id, void *p)
{
    (void)id, (void)p;
    char line[128];
    int n = snprintf(line, sizeof line, "INSNS %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", all, outside, made[0],
                     made[1]);
    int fd = out[0] ? open(out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : 2;
    if (write(fd, line, n) != n)
        _exit(125);
}

EXPORT int qemu_plugin_install(id_t_ id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++)
        if (!strncmp(argv[i], "out=", 4))
            snprintf(out, sizeof out, "%s", argv[i] + 4);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
