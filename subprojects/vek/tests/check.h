/* check.h -- declarations that the checks share. */
#pragma once

#include "vek.h"
#include <stdbool.h>

#define N_MAX    4099
#define ROWS_MAX 9
#define GUARD    64

enum fill { FILL_ORDINARY, FILL_ZERO, FILL_HUGE, FILL_EXTREME, FILLS };

uint32_t rng(void);
float float_of(enum fill fill);
uint8_t byte_of(enum fill fill);

/* Inputs at every misalignment. Each lies at the end of an allocation of its own, so that a
 * sanitizer sees an overrun. */
struct input {
    uint8_t *block[ROWS_MAX + 1];
    const void *row[ROWS_MAX + 1]; /* the last one is the query */
    size_t n;
};

/* n elements of `width` bytes: 1 for bytes, 4 for floats. */
void input_init(struct input *in, size_t n, size_t width, enum fill fill);
void input_fini(struct input *in);

/* Step from one tested count of rows to the next, up to ROWS_MAX; short rows are tested with every
 * count. */
static inline size_t count_step(size_t n)
{
    return n > 200 ? 3 : 1;
}

/* Whether two sums differ by at most twice the bound in vek.h. */
bool near(float got, float want, const float *a, const float *b, size_t n, bool l2);

/* Whether variant v gives the results of the specification s at this length. */
typedef bool (*check_fn)(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill);
bool check_f32(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill);
bool check_half_rows(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill);
bool check_half_values(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill);
bool check_dot(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill);
bool check_u4(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill);
bool check_codes(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill);
bool check_few_bits(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill);
bool check_planes(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill);
bool check_any_bits(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill);
bool check_fht(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill);
bool check_flips(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill);
bool check_sets(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill);
bool check_nearest(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill);
bool check_lookup(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill);
bool check_bits(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill);

/* Checks every 16-bit float once. */
bool check_half_all(const struct vek_kernels *v, const struct vek_kernels *s);

/* Prints the times of one variant, or of all. Returns the exit status. */
int bench(const char *name);
