/* check_codes.c -- products of codes, and encoders. */
#include "check.h"
#include <math.h>
#include <string.h>

bool check_dot(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    struct input in;
    input_init(&in, n, 1, fill);
    bool ok = true;
    for (size_t count = 0; count <= ROWS_MAX; count += count_step(n)) {
        int32_t got[ROWS_MAX + 1], want[ROWS_MAX + 1];
        got[count] = want[count] = 42;
        v->dot_s8_u8_rows(in.row[ROWS_MAX], in.row, count, n, got);
        s->dot_s8_u8_rows(in.row[ROWS_MAX], in.row, count, n, want);
        ok = ok && memcmp(got, want, (count + 1) * 4) == 0;
        v->dot_u8_s8_rows(in.row[ROWS_MAX], in.row, count, n, got);
        s->dot_u8_s8_rows(in.row[ROWS_MAX], in.row, count, n, want);
        ok = ok && memcmp(got, want, (count + 1) * 4) == 0;
    }
    input_fini(&in);
    return ok;
}

/* Rows have whole blocks; encoders take any length. */
bool check_u4(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    size_t whole = (n + 127) / 128 * 128;
    struct input query, rows, floats;
    input_init(&query, whole, 1, fill);
    input_init(&rows, whole / 2, 1, fill);
    input_init(&floats, n, 4, fill);
    bool ok = true;
    for (size_t count = 0; count <= ROWS_MAX; count += count_step(n)) {
        int32_t got[ROWS_MAX + 1], want[ROWS_MAX + 1];
        got[count] = want[count] = 42;
        v->dot_s8_u4_rows(query.row[count], rows.row, count, whole, got);
        s->dot_s8_u4_rows(query.row[count], rows.row, count, whole, want);
        ok = ok && memcmp(got, want, (count + 1) * 4) == 0;
    }
    static uint8_t got[N_MAX + GUARD], want[N_MAX + GUARD];
    static float inverse[N_MAX];
    for (size_t i = 0; i < n; i++)
        inverse[i] = 12 * fabsf(float_of(FILL_ORDINARY));
    memset(got, 0xaa, sizeof(got));
    memset(want, 0xaa, sizeof(want));
    v->encode_u4(floats.row[0], floats.row[1], inverse, n, got);
    s->encode_u4(floats.row[0], floats.row[1], inverse, n, want);
    ok = ok && memcmp(got, want, sizeof(got)) == 0 && got[whole / 2] == 0xaa;
    input_fini(&query);
    input_fini(&rows);
    input_fini(&floats);
    return ok;
}

bool check_codes(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    struct input floats, bytes;
    input_init(&floats, n, 4, fill);
    input_init(&bytes, n, 1, fill);
    static uint8_t got[N_MAX + GUARD], want[N_MAX + GUARD];
    static float gain[N_MAX], inverse[N_MAX];
    for (size_t i = 0; i < n; i++) {
        gain[i] = fabsf(float_of(FILL_ORDINARY));
        inverse[i] = 200 * fabsf(float_of(FILL_ORDINARY));
    }
    memset(got, 0xaa, sizeof(got));
    memset(want, 0xaa, sizeof(want));
    v->encode_u8(floats.row[0], floats.row[1], inverse, n, got);
    s->encode_u8(floats.row[0], floats.row[1], inverse, n, want);
    bool ok = memcmp(got, want, sizeof(got)) == 0;
    int32_t a = v->fold_u8(bytes.row[3], gain, n, (int8_t *)got);
    int32_t b = s->fold_u8(bytes.row[3], gain, n, (int8_t *)want);
    ok = ok && a == b && memcmp(got, want, sizeof(got)) == 0;
    input_fini(&floats);
    input_fini(&bytes);
    return ok;
}
