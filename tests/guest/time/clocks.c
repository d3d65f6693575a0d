// clock_gettime and its kin: which clocks there are, resolution, monotony, agreement of all ways to ask.
#include "check.h"
#include <sys/times.h>
int main(void) {
    struct timespec t, u;
    for (int c = -1; c < 14; c++) say("clock %d: %s\n", c, clock_gettime(c, &t) ? error_name(errno) : t.tv_nsec >= 0 && t.tv_nsec < 1000000000 ? "works" : "odd");
    for (int c = 0; c < 12; c++) { int r = clock_getres(c, &t); say("resolution %d: %s %ld\n", c, r ? error_name(errno) : "", r ? 0 : t.tv_nsec); }
    int back = 0;
    clock_gettime(CLOCK_MONOTONIC, &t);
    for (int n = 0; n < 2000; n++) { clock_gettime(CLOCK_MONOTONIC, &u); back += u.tv_sec < t.tv_sec || (u.tv_sec == t.tv_sec && u.tv_nsec < t.tv_nsec); t = u; }
    say("backwards %d\n", back);
    struct timeval v;
    struct timezone z = {7, 7};
    syscall(SYS_gettimeofday, &v, &z);
    say("zone %d %d\n", z.tz_minuteswest, z.tz_dsttime);
    long s = syscall(SYS_time, NULL), w;
    syscall(SYS_time, &w);
    say("agree %d %d\n", s - v.tv_sec <= 1, w - s <= 1);
    gettimeofday(&v, NULL);
    say("vdso agrees %d\n", v.tv_sec - s <= 1);
    struct tms m;
    VALUE(times(&m) != -1);
    VALUE(syscall(SYS_clock_gettime, CLOCK_REALTIME, 8));
    VALUE(syscall(SYS_clock_getres, CLOCK_REALTIME, NULL));
    VALUE(syscall(SYS_time, 8));
    clockid_t c;
    RETURNS(pthread_getcpuclockid(pthread_self(), &c));
    VALUE(clock_gettime(c, &t));
    VALUE(clock_getcpuclockid(getpid(), &c));
    VALUE(clock_gettime(c, &t));
    VALUE(clock_getcpuclockid(0x3ffffff, &c));
}
