// MADV_DONTFORK and MADV_WIPEONFORK: memory that a child does not get, or gets empty.
#include "check.h"

int main(void) {
    char *own = map_pages(1, PROT_READ | PROT_WRITE);
    madvise(own, PAGE, MADV_DONTFORK);
    reap("DONTFORK", CHILD(struct rlimit n = {}; setrlimit(RLIMIT_CORE, &n); *own = 2));
    *own = 3;
    madvise(own, PAGE, MADV_DOFORK);
    madvise(own, PAGE, MADV_WIPEONFORK);
    reap("WIPEONFORK", CHILD(say("wiped %d\n", *own)));
}
// qemu-user: forgets such advice
