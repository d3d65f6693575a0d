// Deep and long paths: NAME_MAX, PATH_MAX, ELOOP chains, dots, trailing slashes, getcwd deep down.
#include "check.h"
int main(void) {
    static char n[300], path[5000];
    memset(n, 'n', 256);
    VALUE(mkdir(n, 0700));
    n[255] = 0;
    VALUE(mkdir(n, 0700));
    VALUE(rmdir(n));
    memset(path, '/', 4999);
    VALUE(open(path, O_RDONLY));
    path[4095] = 0;
    VALUE(close(open(path, O_RDONLY)));
    for (int k = 0; k < 30; k++) { MUST(mkdir("deeper-and-deeper", 0700)); MUST(chdir("deeper-and-deeper")); }
    char *c = getcwd(NULL, 0);
    say("%d\n", c && strlen(c) > 30 * 18);
    put_file("x", "y");
    VALUE(access("./././../deeper-and-deeper/x", F_OK));
    char a[20], b[20];
    strcpy(a, "x");
    for (int k = 0; k < 45; k++) { snprintf(b, 20, "l%d", k); symlink(a, b); strcpy(a, b); }
    VALUE(access("l38", F_OK));
    VALUE(access("l39", F_OK));
    VALUE(access("l40", F_OK));
    VALUE(access("l44", F_OK));
    VALUE(unlink("l0"));
    VALUE(access("l5", F_OK));
    VALUE(mkdir(".", 0700));
    VALUE(mkdir("..", 0700));
    VALUE(rmdir(".."));
    VALUE(symlink("target", "x"));
    VALUE(readlink("l7", a, 20));
}
