/* check_bits.c -- codes of 1 and 2 bits, bit planes, codes of any number of bits. */
#include "check.h"
#include <string.h>

bool check_bits(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    struct input in;
    input_init(&in, n * 2, 4, fill);
    /* the row without misalignment, because words must be aligned */
    const uint8_t *bytes = (const uint8_t *)in.row[0];
    uint64_t want = 0;
    for (size_t i = 0; i < n * 64; i++)
        want += bytes[i / 8] >> i % 8 & 1;
    bool ok = s->count_bits(in.row[0], n) == want && v->count_bits(in.row[0], n) == want;
    input_fini(&in);
    return ok;
}

typedef void (*dot_fn)(const int8_t *query, const void *const *rows, size_t count, size_t n, int32_t *ret);

static bool same_dots(dot_fn v, dot_fn s, size_t n, size_t row_bytes, enum fill fill)
{
    struct input query, rows;
    input_init(&query, n, 1, fill);
    input_init(&rows, row_bytes, 1, fill);
    bool ok = true;
    for (size_t count = 0; count <= ROWS_MAX; count += count_step(n)) {
        int32_t got[ROWS_MAX + 1], want[ROWS_MAX + 1];
        got[count] = want[count] = 42;
        v(query.row[count], rows.row, count, n, got);
        s(query.row[count], rows.row, count, n, want);
        ok = ok && memcmp(got, want, sizeof(got[0]) * (count + 1)) == 0;
    }
    input_fini(&query);
    input_fini(&rows);
    return ok;
}

bool check_few_bits(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    n = (n + 127) / 128 * 128;
    return same_dots(v->dot_s8_u2_rows, s->dot_s8_u2_rows, n, n / 4, fill) &&
           same_dots(v->dot_s8_b1_rows, s->dot_s8_b1_rows, n, n / 8, fill);
}

/* The planes of a query, and that their product equals the product with the values. */
bool check_planes(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    const size_t whole = (n + 63) / 64 * 64;
    struct input values, rows;
    input_init(&values, n, 1, fill);
    input_init(&rows, whole / 8, 1, fill);
    static uint64_t got[4 * (N_MAX + GUARD) / 64], want[4 * (N_MAX + GUARD) / 64];
    memset(got, 0xaa, sizeof(got));
    memset(want, 0xaa, sizeof(want));
    v->slice_u4(values.row[1], n, got);
    s->slice_u4(values.row[1], n, want);
    bool ok = memcmp(got, want, sizeof(got)) == 0;
    for (size_t count = 0; count <= ROWS_MAX; count += count_step(n)) {
        int32_t dots[ROWS_MAX + 1];
        dots[count] = 42;
        v->dot_u4_b1_rows(want, rows.row, count, whole, dots);
        ok = ok && dots[count] == 42;
        for (size_t r = 0; r < count; r++) {
            const uint8_t *x = values.row[1], *row = rows.row[r];
            int32_t sum = 0;
            for (size_t i = 0; i < n; i++)
                sum += (x[i] & 15) * (row[i / 8] >> i % 8 & 1);
            ok = ok && dots[r] == sum;
        }
    }
    input_fini(&values);
    input_fini(&rows);
    return ok;
}

/* The product of packed codes equals that of the codes. */
static bool packs(size_t n, unsigned bits, enum fill fill)
{
    enum { ROWS = 19 };
    static uint8_t codes[ROWS][N_MAX + 128], packed[ROWS][N_MAX + 128];
    static int8_t query[N_MAX + 128];
    const void *rows[ROWS];
    for (size_t i = 0; i < n; i++)
        query[i] = (int8_t)byte_of(fill);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t i = 0; i < n; i++)
            codes[r][i] = byte_of(fill) >> (8 - bits);
        vek_pack_bits(codes[r], n, bits, packed[r]);
        rows[r] = packed[r];
    }
    int32_t got[ROWS];
    bool ok = true;
    vek_dot_s8_bits_rows(query, rows, ROWS, n, bits, got);
    for (size_t r = 0; r < ROWS; r++) {
        int32_t sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += query[i] * codes[r][i];
        ok = ok && got[r] == sum;
    }
    return ok;
}

bool check_any_bits(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    (void)s;
    bool ok = vek_use(v->name) == 0;
    for (unsigned bits = 1; bits <= 8; bits++)
        ok = ok && (n % 128 != 0 || packs(n, bits, fill));
    return ok;
}
