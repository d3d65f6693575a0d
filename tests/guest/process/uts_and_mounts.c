// Namespaces with their calls: sethostname and setdomainname, mount and umount2, chroot, and exec in there.
#include "check.h"
#include <sys/mount.h>
#include <sys/utsname.h>
// qemu-user: inside the new root there is no qemu

int main(int argc, char **argv) {
    if (argc > 1) { char cwd[100]; VALUE(access("/felix-inside", F_OK)); say("cwd %s\n", getcwd(cwd, 100) ? cwd : "?"); return 5; }
    reap("names", CHILD(
        if (unshare(getuid() ? CLONE_NEWUSER | CLONE_NEWUTS : CLONE_NEWUTS)) { say("%s\n", error_name(errno)); _exit(0); }
        struct utsname u;
        VALUE(sethostname("guest", 5));
        VALUE(setdomainname("example", 7));
        uname(&u);
        say("%s %s\n", u.nodename, u.domainname);
        VALUE(sethostname("x", -1));
        VALUE(sethostname((void *)8, 5));
        VALUE(setdomainname("x", 65));
        char b[80]; VALUE(gethostname(b, 3))));
    reap("mounts", CHILD(
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS)) { say("%s\n", error_name(errno)); _exit(0); }
        MUST(mkdir("m", 0700));
        if (mount("none", "m", "tmpfs", 0, "size=4m")) { say("%s\n", error_name(errno)); _exit(0); }
        put_file("m/felix-inside", "x");
        int in = MUST(open("/proc/self/exe", O_RDONLY)), out = MUST(open("m/program", O_CREAT | O_WRONLY, 0755));
        char b[4096];
        for (ssize_t n; (n = read(in, b, sizeof b)) > 0;) MUST(write(out, b, n));
        close(in), close(out);
        VALUE(mount("none", "m/nowhere", "tmpfs", 0, NULL));
        VALUE(mount("none", "m", "nosuchfs", 0, NULL));
        VALUE(umount2("m", MNT_FORCE | 0x100));
        reap("chroot", CHILD(
            VALUE(chroot("m"));
            VALUE(chdir("/"));
            VALUE(access("/bin/sh", F_OK));
            execv("/program", (char *[]){"program", "inside", NULL});
            say("exec: %s\n", error_name(errno))));
        VALUE(umount2("m", MNT_DETACH));
        VALUE(access("m/program", F_OK));
        VALUE(umount2("m", 0))));
    VALUE(chroot("/nowhere"));
    (void)argv;
}
