// qemu-user: shows its own AT_SECURE, and what it executes is itself
// A set-user-ID or set-group-ID program run by root: ids, capabilities and AT_SECURE, and what keeps the bits from counting.
#include "check.h"
#include <linux/capability.h>
#include <grp.h>
#include <sys/auxv.h>
#include <sys/mount.h>

static int show(const char *what) {
    uid_t u[3];
    gid_t g[3];
    MUST(getresuid(&u[0], &u[1], &u[2]));
    MUST(getresgid(&g[0], &g[1], &g[2]));
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    MUST(syscall(SYS_capget, &header, data));
    say("%s: users %d %d %d groups %d %d %d secure %lu effective %d permitted %d inheritable %d ambient %d\n", what, u[0], u[1],
        u[2], g[0], g[1], g[2], getauxval(AT_SECURE), data[0].effective >> CAP_CHOWN & 1, data[0].permitted >> CAP_CHOWN & 1,
        data[0].inheritable >> CAP_CHOWN & 1, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0));
    return 0;
}

static void run(const char *what, const char *file, int as, int group) {
    pid_t pid = MUST(fork());
    if (pid == 0) {
        if (group) MUST(setresgid(group, group, group));
        if (as) {
            MUST(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
            MUST(setresuid(as, as, as));
            struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
            struct __user_cap_data_struct data[2];
            MUST(syscall(SYS_capget, &header, data));
            data[0].effective = data[0].permitted;
            MUST(syscall(SYS_capset, &header, data));
        }
        char *argv[] = {(char *)what, "show", NULL}, *envp[] = {NULL};
        execve(file, argv, envp);
        _exit(98);
    }
    reap(what, pid);
}

static void is(const char *file, int user, int group, int mode) {
    MUST(chown(file, user, group));
    MUST(chmod(file, mode));
}

int main(int argc, char **argv) {
    if (argc > 1) return show(argv[0]);
    if (geteuid() != 0) return say("not root\n"), 0;
    int from = MUST(open("/proc/self/exe", O_RDONLY)), to = MUST(open("program", O_CREAT | O_WRONLY, 0700));
    char buf[1 << 16];
    for (ssize_t n; (n = MUST(read(from, buf, sizeof buf))) > 0;) TRUE(write(to, buf, n) == n);
    close(from), close(to);
    MUST(setgroups(0, NULL));
    MUST(chmod(".", 0755));

    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    MUST(syscall(SYS_capget, &header, data));
    data[0].inheritable |= 1 << CAP_CHOWN;
    MUST(syscall(SYS_capset, &header, data));
    MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));

    is("program", 0, 0, 0755), run("none", "program", 0, 0);
    is("program", 0, 0, 04755), run("root's", "program", 0, 0), run("root's, by another", "program", 5, 0);
    is("program", 5, 0, 04700), run("another's", "program", 0, 0);
    is("program", 0, 6, 02710), run("of a group", "program", 0, 0), run("of its own group", "program", 0, 6);
    is("program", 5, 6, 06755), run("of both", "program", 0, 0);
    is("program", 0, 6, 02745), run("locked", "program", 0, 0);
    is("program", 5, 6, 06755);
    int script = MUST(open("script", O_CREAT | O_WRONLY, 0700));
    dprintf(script, "#!program show\n");
    close(script);
    is("script", 7, 7, 06755), run("script", "script", 0, 0);
    // The call fails, and changes nothing.
    int writer = MUST(open("program", O_WRONLY));
    run("busy", "program", 0, 0);
    close(writer);
    int none = open("nothing", O_CREAT | O_WRONLY, 0700);
    close(none);
    is("nothing", 5, 6, 06755);
    char *no[] = {NULL};
    VALUE(execve("nothing", no, no));
    show("still");
    pid_t pid = MUST(fork());
    if (pid == 0) {
        MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
        run("no_new_privs", "program", 0, 0);
        _exit(0);
    }
    reap("child", pid);
    MUST(unshare(CLONE_NEWNS));
    MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    MUST(mkdir("m", 0755));
    MUST(mount("none", "m", "tmpfs", MS_NOSUID, "mode=0755"));
    from = MUST(open("program", O_RDONLY)), to = MUST(open("m/program", O_CREAT | O_WRONLY, 0700));
    for (ssize_t n; (n = MUST(read(from, buf, sizeof buf))) > 0;) TRUE(write(to, buf, n) == n);
    close(from), close(to);
    is("m/program", 5, 6, 06755), run("nosuid", "m/program", 0, 0);
}
