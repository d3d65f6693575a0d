// What a new program gets: argv, an empty one, the environment, AT_EXECFN, its name; and E2BIG.
#include "check.h"
#include <sys/auxv.h>

int main(int argc, char **argv, char **envp) {
    if (argc == 0 || strcmp(argv[0], "./first")) {
        char name[17] = {};
        prctl(PR_GET_NAME, name);
        if (argc > 3) { say("argc %d, last %zu long\n", argc, strlen(argv[argc - 1])); return 0; }
        say("argc %d", argc);
        for (int n = 0; n < argc; n++) say(" [%s]", argv[n]);
        for (char **e = envp; *e; e++) say(" {%s}", *e);
        say(" execfn %s name %s\n", strstr((char *)getauxval(AT_EXECFN), "inner") ? "inner" : (char *)getauxval(AT_EXECFN), name);
        return 0;
    }
    return 1;
}

__attribute__((constructor)) static void begin(int argc, char **argv, char **envp) {
    (void)envp;
    if (argc == 0 || !strstr(argv[0], "exec_arguments")) return;
    symlink("/proc/self/exe", "unused");
    char self[4096];
    self[readlink("/proc/self/exe", self, sizeof self - 1)] = 0;
    symlink(self, "inner");
    reap("plain", CHILD(execve("./inner", (char *[]){"one", "", "three words here", NULL}, (char *[]){"A=1", "NOEQUALS", "A=2", "LD_X=3", "MALLOC_Y=", NULL})));
    reap("no arguments", CHILD(execve("inner", (char *[]){NULL}, (char *[]){NULL})));
    reap("null arguments", CHILD(syscall(SYS_execve, "./inner", NULL, NULL)));
    static char big[131073], *many[60002];
    memset(big, 'b', sizeof big - 1);
    reap("too long", CHILD(VALUE(execve("./inner", (char *[]){"a", "b", big, NULL}, (char *[]){NULL}))));
    big[131070] = 0;
    reap("just fits", CHILD(execve("./inner", (char *[]){"a", "b", "c", big, NULL}, (char *[]){NULL})));
    for (int n = 0; n < 60000; n++) many[n] = "xxxxxxxxxxxx";
    reap("many", CHILD(execve("./inner", many, (char *[]){NULL})));
    for (int n = 0; n < 100; n++) many[n] = big;
    reap("too many", CHILD(VALUE(execve("./inner", many, (char *[]){NULL}))));
    exit(0);
}
// qemu-user: drops variables without = and repeated ones
