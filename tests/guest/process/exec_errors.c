// execve(2): which file gives which error.
#include "check.h"

int main(void) {
    char *argv[] = {"x", NULL};
    put_file("plain", "hello\n");
    put_file("script", "#!/nonexistent/interpreter\n");
    put_file("empty-script", "#!\n");
    put_file("garbage", "\x7f" "ELF garbage that is no program at all, and longer than a header would be, so that it can be read......");
    put_file("empty", "");
    mkdir("dir", 0755);
    symlink("loop", "loop");
    VALUE(execv("plain", argv));
    for (int n = 0; n < 4; n++) chmod((const char *[]){"script", "empty-script", "garbage", "empty"}[n], 0755);
    VALUE(execv("script", argv));
    VALUE(execv("empty-script", argv));
    VALUE(execv("garbage", argv));
    VALUE(execv("empty", argv));
    VALUE(execv("dir", argv));
    VALUE(execv("missing", argv));
    VALUE(execv("plain/x", argv));
    VALUE(execv("loop", argv));
    VALUE(execv("", argv));
    VALUE(execv("/dev/null", argv));
    VALUE(syscall(SYS_execve, 8, argv, NULL));
    VALUE(syscall(SYS_execve, "/bin/true", 8, NULL));
    VALUE(syscall(SYS_execve, "/bin/true", (char *[]){(char *)8, NULL}, NULL));
    VALUE(syscall(SYS_execve, "/bin/true", argv, (char *[]){(char *)8, NULL}));
    chmod("plain", 0755);
    VALUE(execv("plain", argv));
    static char name[5000];
    memset(name, 'a', sizeof name - 1);
    VALUE(execv(name, argv));
    name[300] = 0;
    VALUE(execv(name, argv));
}
