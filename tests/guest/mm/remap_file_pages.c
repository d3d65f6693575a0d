// remap_file_pages(2): pages of a shared mapping shown in another order.
// qemu-user: has none
#include "check.h"

static void show(const char *when, char *m) {
    say("%s:", when);
    for (int i = 0; i < 6; i++) say(" %c", m[i * PAGE]);
    say("\n");
}

static void all(const char *what, char *m) {
    for (int i = 0; i < 6; i++) m[i * PAGE] = 'a' + i;
    show(what, m);
    VALUE(remap_file_pages(m, PAGE, 0, 5, 0));
    VALUE(remap_file_pages(m + 2 * PAGE, 2 * PAGE, 0, 0, 0));
    show("turned", m);
    m[0] = 'z';
    show("written", m);
    // Over what is two mappings by now.
    VALUE(remap_file_pages(m, 6 * PAGE, 0, 0, 0));
    show("as before", m);
    VALUE(remap_file_pages(m, PAGE, PROT_READ, 0, 0));
    VALUE(remap_file_pages(m, 0, 0, 0, 0));
    VALUE(remap_file_pages(m, PAGE, 0, -1UL, 0));
    VALUE(remap_file_pages(m + 100, PAGE + 100, 0, 1, 0));
    show("rounded", m);
    munmap(m + PAGE, PAGE);
    VALUE(remap_file_pages(m, 3 * PAGE, 0, 0, 0));
    VALUE(remap_file_pages(m + PAGE, PAGE, 0, 0, 0));
}

int main(void) {
    int fd = MUST(open("f", O_CREAT | O_RDWR, 0600));
    MUST(ftruncate(fd, 6 * PAGE));
    all("file", mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    all("memory", mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    char *own = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    VALUE(remap_file_pages(own, PAGE, 0, 0, 0));
    // Code is run as it is shown.
    char *code = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, fd, 0);
    int (*f)(void) = (void *)code;
    memcpy(code, "\xb8\1\0\0\0\xc3", 6);
    memcpy(code + PAGE, "\xb8\2\0\0\0\xc3", 6);
    VALUE(f());
    VALUE(remap_file_pages(code, PAGE, 0, 1, 0));
    VALUE(f());
    code[PAGE + 1] = 3;
    VALUE(f());
}
