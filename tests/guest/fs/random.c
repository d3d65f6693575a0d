// getrandom: sizes, flags, errors; /dev/urandom, /dev/zero, /dev/full, /dev/null.
#include "check.h"
#include <sys/random.h>
int main(void) {
    char b[600] = {}, c[16] = {};
    VALUE(getrandom(b, 300, 0));
    VALUE(getrandom(b, 16, GRND_NONBLOCK));
    VALUE(getrandom(c, 16, GRND_RANDOM) > 0);
    VALUE(memcmp(b, c, 16) != 0);
    VALUE(getrandom(b, 16, 99));
    VALUE(getrandom(b, 0, 0));
    VALUE(getrandom((void *)8, 16, 0));
    VALUE(read(open("/dev/urandom", O_RDONLY), b, 600));
    VALUE(write(open("/dev/full", O_WRONLY), b, 1));
    VALUE(read(open("/dev/null", O_RDONLY), b, 1));
    VALUE(write(open("/dev/null", O_WRONLY), b, 77));
    memset(b, 1, 10);
    VALUE(read(open("/dev/zero", O_RDONLY), b, 9));
    say("%d %d\n", b[8], b[9]);
}
