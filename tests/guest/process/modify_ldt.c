// modify_ldt(2) while the table is empty, and the calls that are for 32-bit programs only.
#include "check.h"
#include <asm/ldt.h>

int main(void) {
    char b[256];
    memset(b, 7, sizeof b);
    VALUE(syscall(SYS_modify_ldt, 0, b, sizeof b));
    VALUE(syscall(SYS_modify_ldt, 0, NULL, 0));
    VALUE(b[0]);
    VALUE(syscall(SYS_modify_ldt, 2, b, sizeof b) > 0);
    VALUE(b[0]);
    VALUE(syscall(SYS_modify_ldt, 2, b, 8));
    VALUE(syscall(SYS_modify_ldt, 3, b, 8));
    VALUE(syscall(SYS_modify_ldt, 1, b, 8));
    VALUE(syscall(SYS_modify_ldt, 1, 8, sizeof(struct user_desc)));
    struct user_desc d = {.entry_number = 8192};
    VALUE(syscall(SYS_modify_ldt, 0x11, &d, sizeof d));
    d = (struct user_desc){.contents = 3, .seg_not_present = 0};
    VALUE(syscall(SYS_modify_ldt, 0x11, &d, sizeof d));
    d = (struct user_desc){.entry_number = 0};
    reap("clear", CHILD(VALUE(syscall(SYS_modify_ldt, 1, &d, sizeof d))));
    d = (struct user_desc){.entry_number = 1, .read_exec_only = 1, .seg_not_present = 1};
    reap("clear", CHILD(VALUE(syscall(SYS_modify_ldt, 0x11, &d, sizeof d))));
    VALUE(syscall(SYS_set_thread_area, &d));
    VALUE(syscall(SYS_get_thread_area, &d));
}
