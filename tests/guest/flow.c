/* Control flow as interpreters have it, by computed goto and by switch, which must agree; and flags that
 * live across calls, returns and jumps to other functions. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- a small machine, twice ---- */

enum { ADD, XOR, SHIFT, LOAD, STORE, SKIP, COUNT, END };

#define LENGTH 61
static uint8_t program[LENGTH + 3];
static uint64_t cells[8];

static void prepare(void)
{
    uint64_t r = 12345;
    for (int i = 0; i < LENGTH; i++) {
        r = r * 6364136223846793005u + 1442695040888963407u;
        program[i] = (r >> 40) % END;
    }
    /* A jump over one instruction lands inside. */
    program[LENGTH - 1] = COUNT;
    program[LENGTH] = program[LENGTH + 1] = END;
    for (int i = 0; i < 8; i++)
        cells[i] = i * 0x0123456789abcdefu;
}

__attribute__((noinline)) static uint64_t by_goto(uint64_t steps)
{
    static void *const labels[] = {&&add, &&xor, &&shift, &&load, &&store, &&skip, &&count, &&end};
    uint64_t a = 1, b = 2, n = 0;
    const uint8_t *pc = program;
#define NEXT                  \
    do {                      \
        if (++n == steps)     \
            return a ^ b;     \
        goto *labels[*pc++];  \
    } while (0)
    NEXT;
add:
    a += b;
    NEXT;
xor:
    b ^= a >> 3;
    NEXT;
shift:
    a = a << 5 | a >> 59;
    NEXT;
load:
    b += cells[a & 7];
    NEXT;
store:
    cells[b & 7] = a;
    NEXT;
skip:
    if ((int64_t)a < (int64_t)b)
        pc++;
    NEXT;
count:
    b += n;
    NEXT;
end:
    pc = program;
    NEXT;
}

__attribute__((noinline)) static uint64_t by_switch(uint64_t steps)
{
    uint64_t a = 1, b = 2, n = 0;
    const uint8_t *pc = program;
    while (++n != steps) {
        switch (*pc++) {
        case ADD:
            a += b;
            break;
        case XOR:
            b ^= a >> 3;
            break;
        case SHIFT:
            a = a << 5 | a >> 59;
            break;
        case LOAD:
            b += cells[a & 7];
            break;
        case STORE:
            cells[b & 7] = a;
            break;
        case SKIP:
            if ((int64_t)a < (int64_t)b)
                pc++;
            break;
        case COUNT:
            b += n;
            break;
        case END:
            pc = program;
            break;
        }
    }
    return a ^ b;
}

/* ---- flags across calls, returns and jumps ---- */

uint64_t carry_returned(uint64_t n);
uint64_t carry_called(uint64_t n);
uint64_t compared_before_jump(int64_t a, int64_t b);
uint64_t compared_before_indirect(int64_t a, int64_t b);
uint64_t add_by_calls(uint64_t *to, const uint64_t *from, uint64_t words);
uint64_t all_flags_returned(int64_t a, int64_t b);

__asm__(".text\n"
        /* Returns CF = bit 0 of RDI. */
        "give_carry:\n"
        "   btq $0, %rdi\n"
        "   ret\n"
        "carry_returned:\n"
        "   movq %rdi, %rax\n"
        "   call give_carry\n"
        "   adcq $10, %rax\n"
        "   call give_carry\n"
        "   jnc 1f\n"
        "   addq $100, %rax\n"
        "1: call give_carry\n"
        "   sbbq $0, %rax\n"
        "   ret\n"
        /* Takes CF, keeps it over INC, gives it on. */
        "take_carry:\n"
        "   incq %rcx\n"
        "   leaq 3(%rcx), %rcx\n"
        "   jmp take_carry_2\n"
        "take_carry_2:\n"
        "   adcq $0, %rax\n"
        "   ret\n"
        "carry_called:\n"
        "   xorl %ecx, %ecx\n"
        "   movq %rdi, %rax\n"
        "   stc\n"
        "   call take_carry\n"
        "   clc\n"
        "   call take_carry\n"
        "   cmpq $50, %rdi\n"
        "   call take_carry\n"
        "   addq %rcx, %rax\n"
        "   ret\n"
        /* The jump to another function is after the comparison, the condition in that function. */
        "compared_before_jump:\n"
        "   cmpq %rsi, %rdi\n"
        "   jmp decide\n"
        "compared_before_indirect:\n"
        "   leaq decide(%rip), %rdx\n"
        "   cmpq %rsi, %rdi\n"
        "   jmp *%rdx\n"
        "decide:\n"
        "   jl 1f\n"
        "   je 2f\n"
        "   ja 3f\n"
        "   movl $4, %eax\n"
        "   ret\n"
        "1: ja 4f\n"
        "   movl $1, %eax\n"
        "   ret\n"
        "2: movl $2, %eax\n"
        "   ret\n"
        "3: movl $3, %eax\n"
        "   ret\n"
        "4: movl $5, %eax\n"
        "   ret\n"
        /* An addition of many words whose carry goes through a call and a return for each word. */
        "add_word:\n"
        "   movq (%rsi), %rax\n"
        "   adcq %rax, (%rdi)\n"
        "   ret\n"
        "add_by_calls:\n"
        "   movq %rdx, %rcx\n"
        "   clc\n"
        "1: call add_word\n"
        "   leaq 8(%rsi), %rsi\n"
        "   leaq 8(%rdi), %rdi\n"
        "   decq %rcx\n"
        "   jnz 1b\n"
        "   setc %al\n"
        "   movzbl %al, %eax\n"
        "   ret\n"
        /* Every status flag of a subtraction that another function did. */
        "subtract:\n"
        "   subl %esi, %edi\n"
        "   ret\n"
        "all_flags_returned:\n"
        "   call subtract\n"
        "   pushfq\n"
        "   popq %rax\n"
        "   andl $0x8d5, %eax\n"
        "   ret\n");

static void expect(const char *what, uint64_t a, uint64_t b, uint64_t got, uint64_t expected)
{
    if (got != expected) {
        printf("%s(%#lx, %#lx): %#lx, not %#lx\n", what, a, b, got, expected);
        exit(1);
    }
}

static uint64_t decided(int64_t a, int64_t b)
{
    if (a < b)
        return (uint64_t)a > (uint64_t)b ? 5 : 1;
    return a == b ? 2 : (uint64_t)a > (uint64_t)b ? 3 : 4;
}

static uint64_t subtraction_flags(uint32_t a, uint32_t b)
{
    uint32_t r = a - b;
    return (uint64_t)(a < b) | (uint64_t)!__builtin_parity(r & 0xff) << 2 | ((a ^ b ^ r) & 0x10) |
           (uint64_t)(r == 0) << 6 | (uint64_t)(r >> 31) << 7 | (uint64_t)(((a ^ b) & (a ^ r)) >> 31) << 11;
}

static uint64_t flags(void)
{
    static const uint64_t edges[] = {0,          1,          2,       0x7fffffff,     0x80000000, 0xffffffff,
                                     0x7f,       0x80,       0x10,    0x100000000u,   INT64_MAX,  1ul << 63,
                                     UINT64_MAX, 0x12345678, 0xfffe, 0x8000000000001};
    enum { EDGES = sizeof edges / sizeof *edges };
    uint64_t h = 0;
    for (uint64_t n = 0; n < 20000; n++) {
        uint64_t a = edges[n % EDGES] + n / 256 % 3, b = edges[n / EDGES % EDGES];
        uint64_t bit = n & 1;
        expect("carry_returned", n, 0, carry_returned(n), n + 10 + bit * 100);
        expect("carry_called", n, 0, carry_called(n), n + 1 + (n < 50) + 12);
        expect("compared_before_jump", a, b, compared_before_jump(a, b), decided(a, b));
        expect("compared_before_indirect", a, b, compared_before_indirect(a, b), decided(a, b));
        expect("all_flags_returned", a, b, all_flags_returned(a, b), subtraction_flags(a, b));
        uint64_t to[6], from[6], sum[6], carry = 0;
        for (int i = 0; i < 6; i++) {
            to[i] = n % 3 ? ~0ul : a * (i + 1);
            from[i] = n % 5 ? i == 0 : b;
            unsigned __int128 s = (unsigned __int128)to[i] + from[i] + carry;
            sum[i] = (uint64_t)s;
            carry = s >> 64;
        }
        expect("add_by_calls", n, 6, add_by_calls(to, from, 6), carry);
        for (int i = 0; i < 6; i++) {
            expect("word", n, i, to[i], sum[i]);
            h = h * 31 + to[i];
        }
    }
    return h;
}

int main(void)
{
    prepare();
    uint64_t a = by_goto(1000000);
    prepare();
    uint64_t b = by_switch(1000000);
    printf("computed goto %#lx, switch %#lx\n", a, b);
    if (a != b)
        return 1;
    printf("flags %#lx\n", flags());
    return 0;
}
