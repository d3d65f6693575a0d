/* Threads that run, rewrite and run again the same code at once, so that a translator enters, links,
 * withdraws and translates it again in all of them at the same time.
 *
 * In each phase one thread writes 32 functions in a way of the phase (into writable and executable memory;
 * under mprotect; into a fresh mapping at the same place; by a second mapping of the same file), and all
 * threads call them in orders of their own and check what they return. Meanwhile each thread makes, calls
 * and unmaps functions nobody else sees, and one constant is patched under everybody's feet: calls must
 * see one of the values written. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { THREADS = 4, PHASES = 48, FUNCTIONS = 32, SLOT = 256, SIZE = FUNCTIONS * SLOT, CALLS = 6 };
typedef uint32_t function(uint32_t);

static unsigned char *code, *alias;
static int file;
static pthread_barrier_t barrier;
static unsigned char *patched;
static uint64_t sums[THREADS];
static int errors;

static void wrong(const char *what)
{
    if (__atomic_fetch_add(&errors, 1, __ATOMIC_RELAXED) < 5)
        fprintf(stderr, "race: %s\n", what);
}

static void *check(void *p)
{
    if (p == MAP_FAILED) {
        perror("race: mmap");
        exit(3);
    }
    return p;
}

static void put32(unsigned char **p, uint32_t v)
{
    memcpy(*p, &v, 4);
    *p += 4;
}

/* uint32_t f(uint32_t x) { for (c = times; c; c--) x = x * mul + add; return x ^ add; }; with `next` it
 * ends by jumping there with that value, which links two functions. */
static size_t write_function(unsigned char *at, uint32_t mul, uint32_t add, uint32_t times, intptr_t next)
{
    unsigned char *p = at;
    *p++ = 0xb9, put32(&p, times); /* mov ecx, times */
    unsigned char *loop = p;
    *p++ = 0x69, *p++ = 0xff, put32(&p, mul);                /* imul edi, edi, mul */
    *p++ = 0x81, *p++ = 0xc7, put32(&p, add);                /* add edi, add */
    *p++ = 0xff, *p++ = 0xc9;                                /* dec ecx */
    *p++ = 0x75, p++, p[-1] = (unsigned char)(loop - p);     /* jnz loop */
    *p++ = 0x81, *p++ = 0xf7, put32(&p, add);                /* xor edi, add */
    if (next) {
        *p++ = 0xe9; /* jmp next, relative to where it will run */
        put32(&p, (uint32_t)(next - (p + 4 - at)));
    } else {
        *p++ = 0x89, *p++ = 0xf8, *p++ = 0xc3; /* mov eax, edi; ret */
    }
    return p - at;
}

static uint32_t expect(uint32_t x, uint32_t mul, uint32_t add, uint32_t times)
{
    while (times--)
        x = x * mul + add;
    return x ^ add;
}

static uint32_t mul_of(int phase, int f) { return 2u * (phase * 37 + f * 11) + 3; }
static uint32_t add_of(int phase, int f) { return phase * 1000003u + f * 97u + 1; }
static uint32_t times_of(int phase, int f) { return 1 + (phase + f) % 9; }
/* Every third function goes on in the next one. */
static int goes_on(int f) { return f % 3 == 0 && f + 1 < FUNCTIONS; }

static void rewrite(int phase)
{
    unsigned char *to = code;
    switch (phase % 4) {
    case 0:
        break;
    case 1:
        mprotect(code, SIZE, PROT_READ | PROT_WRITE);
        break;
    case 2:
        check(mmap(code, SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_FIXED, file, 0));
        break;
    case 3:
        to = alias;
        break;
    }
    for (int f = 0; f < FUNCTIONS; f++)
        write_function(to + f * SLOT, mul_of(phase, f), add_of(phase, f), times_of(phase, f), goes_on(f) ? SLOT : 0);
    if (phase % 4 == 1)
        mprotect(code, SIZE, PROT_READ | PROT_EXEC);
    if (phase % 4 == 2) {
        munmap(code, SIZE);
        check(mmap(code, SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_FIXED, file, 0));
    }
    if (phase % 4 == 1)
        mprotect(code, SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
}

static uint32_t call(int phase, int f, uint32_t x)
{
    uint32_t want = expect(x, mul_of(phase, f), add_of(phase, f), times_of(phase, f));
    if (goes_on(f))
        want = expect(want, mul_of(phase, f + 1), add_of(phase, f + 1), times_of(phase, f + 1));
    uint32_t got = ((function *)(code + f * SLOT))(x);
    if (got != want)
        wrong("a rewritten function gave what an older one gives");
    return got;
}

/* Functions of this thread alone, each in memory of its own that goes away again. */
static uint64_t own_code(int phase, int thread)
{
    uint64_t sum = 0;
    for (int i = 0; i < 3; i++) {
        unsigned char *p = check(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        uint32_t mul = phase * 5 + thread * 7 + i * 2 + 1;
        write_function(p + 16 * i, mul, mul * 3, 4, 0);
        mprotect(p, 4096, PROT_READ | PROT_EXEC);
        uint32_t got = ((function *)(p + 16 * i))(phase);
        if (got != expect(phase, mul, mul * 3, 4))
            wrong("fresh code at an old address gave something else");
        sum += got;
        munmap(p, 4096);
    }
    return sum;
}

static void *body(void *arg)
{
    int thread = (int)(intptr_t)arg;
    uint64_t sum = 0;
    for (int phase = 0; phase < PHASES; phase++) {
        if (thread == phase % THREADS)
            rewrite(phase);
        pthread_barrier_wait(&barrier);
        for (int i = 0; i < CALLS * FUNCTIONS; i++)
            sum = sum * 31 + call(phase, (i * (2 * thread + 5) + phase) % FUNCTIONS, i);
        sum += own_code(phase, thread);
        for (int i = 0; i < 20; i++) {
            if (thread == 0)
                /* An aligned constant: a CPU sees the old or the new one. */
                __atomic_store_n((uint32_t *)(patched + 4), (uint32_t)i % 2 ? 0x11111111u : 0x22222222u, __ATOMIC_SEQ_CST);
            uint32_t got = ((function *)(patched + 3))(0);
            if (got != 0x11111111u && got != 0x22222222u)
                wrong("a patched constant is neither the old nor the new one");
        }
        pthread_barrier_wait(&barrier);
    }
    sums[thread] = sum;
    return NULL;
}

int main(void)
{
    file = memfd_create("code", 0);
    if (file < 0 || ftruncate(file, SIZE)) {
        perror("race: memfd_create");
        return 3;
    }
    code = check(mmap(NULL, SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, file, 0));
    alias = check(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
    patched = check(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    /* mov eax, 0x22222222; ret; the constant is aligned */
    memcpy(patched + 3, "\xb8\x22\x22\x22\x22\xc3", 6);
    pthread_barrier_init(&barrier, NULL, THREADS);
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, body, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        printf("%016lx\n", sums[i]);
    printf("%d wrong\n", errors);
    return errors != 0;
}
