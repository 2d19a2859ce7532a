/* check_half.c -- 16-bit floats: rows of them, and conversions. */
#include "check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { F16, BF16 };

typedef void (*rows_fn)(const float *query, const void *const *rows, size_t count, size_t n, float *ret);

struct case_half {
    size_t n, count;
    const float *query, *rounded; /* the query, and the query rounded to bf16 */
    const void *rows[ROWS_MAX];
    float *floats[ROWS_MAX]; /* the rows converted to floats */
};

static bool check_sums(const struct case_half *c, const float *got, bool l2, const struct vek_kernels *s)
{
    for (size_t r = 0; r < c->count; r++) {
        float (*sum)(const float *, const float *, size_t) = l2 ? s->l2_f32 : s->ip_f32;
        bool ok = near(got[r], sum(c->query, c->floats[r], c->n), c->query, c->floats[r], c->n, l2);
        if (!ok && c->rounded)
            ok = near(got[r], sum(c->rounded, c->floats[r], c->n), c->rounded, c->floats[r], c->n, l2);
        if (!ok)
            return false;
    }
    return got[c->count] == 42;
}

static bool check_kind(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill, int kind)
{
    struct input in;
    input_init(&in, n, 4, kind == F16 && fill == FILL_HUGE ? FILL_ORDINARY : fill);
    struct case_half c = {.n = n, .query = in.row[ROWS_MAX]};
    uint16_t *halves[ROWS_MAX];
    /* odd addresses too, each row at the end of its allocation */
    for (size_t r = 0; r < ROWS_MAX; r++) {
        halves[r] = malloc(n * 2 + r % 4 * 2 + 2);
        uint16_t *row = halves[r] + r % 4 + 1;
        c.floats[r] = malloc(n * 4 + 1);
        (kind == F16 ? s->f16_of_f32 : s->bf16_of_f32)(in.row[r], n, row);
        (kind == F16 ? s->f32_of_f16 : s->f32_of_bf16)(row, n, c.floats[r]);
        c.rows[r] = row;
    }
    static uint16_t query16[N_MAX];
    static float rounded[N_MAX];
    s->bf16_of_f32(c.query, n, query16);
    s->f32_of_bf16(query16, n, rounded);
    bool ok = true;
    for (c.count = 0; ok && c.count <= ROWS_MAX; c.count += count_step(n)) {
        float ip[ROWS_MAX + 1], l2[ROWS_MAX + 1];
        ip[c.count] = l2[c.count] = 42;
        (kind == F16 ? v->ip_f16_rows : v->ip_bf16_rows)(c.query, c.rows, c.count, n, ip);
        (kind == F16 ? v->l2_f16_rows : v->l2_bf16_rows)(c.query, c.rows, c.count, n, l2);
        c.rounded = NULL;
        ok = check_sums(&c, l2, true, s);
        c.rounded = kind == BF16 ? rounded : NULL;
        ok = ok && check_sums(&c, ip, false, s);
    }
    for (size_t r = 0; r < ROWS_MAX; r++) {
        free(halves[r]);
        free(c.floats[r]);
    }
    input_fini(&in);
    return ok;
}

bool check_half_rows(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    return check_kind(v, s, n, fill, F16) && check_kind(v, s, n, fill, BF16);
}

/* A float with random bits; a third of them near the range of f16, where rounding matters. */
static float float_of_bits(void)
{
    uint32_t u = rng();
    if (u % 3 == 0)
        u = (u & 0x807fffff) | (99 + rng() % 46) << 23;
    float x;
    memcpy(&x, &u, sizeof(x));
    return x;
}

bool check_half_values(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    static uint16_t got[N_MAX + GUARD], want[N_MAX + GUARD];
    struct input in;
    input_init(&in, n, 4, fill);
    for (size_t i = 0; fill == FILL_EXTREME && i < n; i++)
        ((float *)in.row[1])[i] = float_of_bits();
    memset(got, 0xaa, sizeof(got));
    memset(want, 0xaa, sizeof(want));
    v->f16_of_f32(in.row[1], n, got);
    s->f16_of_f32(in.row[1], n, want);
    bool ok = memcmp(got, want, sizeof(got)) == 0;
    v->bf16_of_f32(in.row[1], n, got);
    s->bf16_of_f32(in.row[1], n, want);
    ok = ok && memcmp(got, want, sizeof(got)) == 0;
    input_fini(&in);
    return ok;
}

/* Checks the specification, too: a number between two halves rounds to the nearer, and a half stays
 * the same. */
static bool check_spec(const struct vek_kernels *s, uint16_t h, int kind)
{
    const uint16_t next = h + 1;
    float x, y;
    uint16_t back, middle;
    (kind == F16 ? s->f32_of_f16 : s->f32_of_bf16)(&h, 1, &x);
    (kind == F16 ? s->f32_of_f16 : s->f32_of_bf16)(&next, 1, &y);
    if (!isfinite(x) || !isfinite(y) || signbit(x) != signbit(y))
        return true;
    void (*to)(const float *, size_t, uint16_t *) = kind == F16 ? s->f16_of_f32 : s->bf16_of_f32;
    const float half = x + (y - x) / 2;
    const float below = nextafterf(half, x), above = nextafterf(half, y);
    uint16_t low, high;
    to(&x, 1, &back);
    to(&half, 1, &middle);
    to(&below, 1, &low);
    to(&above, 1, &high);
    return back == h && low == h && high == next && middle == (h & 1 ? next : h);
}

bool check_half_all(const struct vek_kernels *v, const struct vek_kernels *s)
{
    static uint16_t all[65536];
    static float got[65536], want[65536];
    for (uint32_t h = 0; h < 65536; h++) {
        all[h] = (uint16_t)h;
        if (v == s && (!check_spec(s, (uint16_t)h, F16) || !check_spec(s, (uint16_t)h, BF16)))
            return false;
    }
    v->f32_of_f16(all, 65536, got);
    s->f32_of_f16(all, 65536, want);
    bool ok = memcmp(got, want, sizeof(got)) == 0;
    v->f32_of_bf16(all, 65536, got);
    s->f32_of_bf16(all, 65536, want);
    return ok && memcmp(got, want, sizeof(got)) == 0;
}
