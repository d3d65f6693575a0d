// Arithmetic, printf, strtold and libm of long double over many values: one line for each kind, a hash of
// all results and texts, or their sum where CPUs may differ.
#define _GNU_SOURCE
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed = 88172645463325252u;

static uint64_t next(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

// FNV-1a.
static uint64_t mixed(uint64_t h, const void *p, size_t n) {
    for (const unsigned char *b = p; n; n--) h = (h ^ *b++) * 0x100000001b3u;
    return h;
}

// Any sign, an exponent within `range`, any 64-bit significand.
static long double any(int range) {
    long double v = ldexpl((long double)(next() | 1ull << 63), (int)(next() % (2u * range)) - range - 63);
    return next() & 1 ? -v : v;
}

int main(int argc, char **argv) {
    long n = argc > 1 ? atol(argv[1]) : 10000;
    uint64_t sums = 0, texts = 0, ints = 0, functions = 0;
    long double total = 0;
    for (long i = 0; i < n; i++) {
        long double a = any(i % 16000 + 1), b = any(60), r[6];
        r[0] = a + b, r[1] = a * b, r[2] = a / b, r[3] = sqrtl(fabsl(a)), r[4] = fmodl(a, b), r[5] = rintl(b);
        for (int k = 0; k < 6; k++) sums = mixed(sums, &r[k], 10);
        long long v[3] = {llrintl(b), (long long)(b / 4), (long long)floorl(b / 2)};
        ints = mixed(ints, v, sizeof v);
        double d = (double)b;
        float f = (float)b;
        ints = mixed(mixed(ints, &d, 8), &f, 4);
        if (i % 10 == 0) {
            char text[128];
            int len = snprintf(text, sizeof text, "%.21Lg %La %.3Lf", a, b, b);
            texts = mixed(texts, text, len);
            long double back = strtold(text, NULL);
            texts = mixed(texts, &back, 10);
        }
        long double g[4] = {ldexpl(b, 3), logbl(b), remainderl(a, b), hypotl(b, 3)};
        for (int k = 0; k < 4; k++) functions = mixed(functions, &g[k], 10);
        // CPUs differ in the last bit of these.
        long double x = b / 1e15L;
        total += log2l(fabsl(b) + 1) + atan2l(a, b) + exp2l(fmodl(x, 5)) + sinl(x) * expl(-fabsl(x));
    }
    printf("arithmetic %016llx\nintegers %016llx\ntexts %016llx\nfunctions %016llx\n", (unsigned long long)sums,
           (unsigned long long)ints, (unsigned long long)texts, (unsigned long long)functions);
    printf("transcendental %.12Lg\n", total);
    return 0;
}
