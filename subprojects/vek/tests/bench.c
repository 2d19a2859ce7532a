/* bench.c -- nanoseconds a row. */
#include "check.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void bench(const struct vek_kernels *v)
{
    static const size_t dims[] = {100, 128, 384, 768, 784, 1536};
    enum { ROWS = 32, ROUNDS = 20000 };
    float *floats = aligned_alloc(64, (ROWS + 1) * 1536 * 4);
    for (size_t i = 0; i < (ROWS + 1) * 1536; i++)
        floats[i] = float_of(FILL_ORDINARY);
    const void *rows[ROWS];
    float ret[ROWS];
    int32_t ints[ROWS];
    static int8_t folded[1536];
    for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++) {
        size_t n = dims[d];
        const float *q = floats + ROWS * 1536;
        double ns[4], t = now_ns();
        for (size_t r = 0; r < ROWS; r++)
            rows[r] = floats + r * 1536;
        for (unsigned i = 0; i < ROUNDS / 4; i++)
            v->ip_f32_rows(q, rows, ROWS, n, ret);
        ns[0] = (now_ns() - t) / (ROUNDS / 4) / ROWS;
        t = now_ns();
        for (unsigned i = 0; i < ROUNDS / 4; i++)
            v->l2_f32_rows(q, rows, ROWS, n, ret);
        ns[1] = (now_ns() - t) / (ROUNDS / 4) / ROWS;
        for (size_t r = 0; r < ROWS; r++)
            rows[r] = (const uint8_t *)floats + r * 1536;
        t = now_ns();
        for (unsigned i = 0; i < ROUNDS; i++)
            v->dot_s8_u8_rows((const int8_t *)q, rows, ROWS, n, ints);
        ns[2] = (now_ns() - t) / ROUNDS / ROWS;
        t = now_ns();
        for (unsigned i = 0; i < ROUNDS; i++)
            v->fold_u8((const uint8_t *)q, floats, n, folded);
        ns[3] = (now_ns() - t) / ROUNDS;
        printf("%-8s %5zu dims: ip_f32 %6.1f  l2_f32 %6.1f  dot_s8_u8 %6.1f  fold_u8 %6.1f ns\n", v->name, n, ns[0],
               ns[1], ns[2], ns[3]);
    }
    free(floats);
}
