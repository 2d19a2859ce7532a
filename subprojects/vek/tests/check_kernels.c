/* check_kernels.c -- every variant this CPU has against the scalar one, over lengths with all tails, unaligned pointers,
 * zeros, ordinary and huge values. Bytes must be equal; float sums may differ by twice the bound that vek.h states.
 *
 * check_kernels            TAP, one line a variant and kernel
 * check_kernels --bench    nanoseconds a row, hot in cache, of the same calls */
#include "vek.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N_MAX    4099
#define ROWS_MAX 9
#define GUARD    64

static uint64_t rng_state = 88172645463325252u;

static uint32_t rng(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return (uint32_t)(rng_state >> 32);
}

enum fill { FILL_ORDINARY, FILL_ZERO, FILL_HUGE, FILL_EXTREME, FILLS };

static float float_of(enum fill fill)
{
    float u = (float)rng() / 4294967296.0f * 2 - 1;
    switch (fill) {
    case FILL_ZERO: return 0;
    case FILL_HUGE: return u * 1e17f; /* squares and their sums stay below FLT_MAX */
    case FILL_EXTREME: return rng() & 1 ? 1e-20f : -1;
    default: return u;
    }
}

static uint8_t byte_of(enum fill fill)
{
    switch (fill) {
    case FILL_ZERO: return 0;
    case FILL_HUGE: return 0xff;
    case FILL_EXTREME: return rng() & 1 ? 0x80 : 0x7f;
    default: return (uint8_t)rng();
    }
}

/* Inputs at every misalignment, each in an allocation that ends where it ends, so that a sanitizer sees an overrun. */
struct input {
    uint8_t *block[ROWS_MAX + 1];
    const void *row[ROWS_MAX + 1]; /* the last one is the query */
    size_t n;
};

static void input_init(struct input *in, size_t n, size_t width, enum fill fill)
{
    in->n = n;
    for (size_t r = 0; r <= ROWS_MAX; r++) {
        size_t shift = width == 4 ? 4 * (r % 8) : r * 7 % 64;
        in->block[r] = malloc(shift + n * width + 1);
        uint8_t *p = in->block[r] + shift;
        in->row[r] = p;
        for (size_t i = 0; i < n; i++) {
            if (width == 4)
                ((float *)p)[i] = float_of(fill);
            else
                p[i] = byte_of(fill);
        }
    }
}

static void input_fini(struct input *in)
{
    for (size_t r = 0; r <= ROWS_MAX; r++)
        free(in->block[r]);
}

static bool near(float got, float want, const float *a, const float *b, size_t n, bool l2)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)a[i] - b[i];
        sum += l2 ? d * d : fabs((double)a[i] * b[i]);
    }
    return fabs((double)got - want) <= 2.0 * (double)(n + 1) * 0x1p-24 * sum + 0x1p-126;
}

static bool check_f32(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    struct input in;
    input_init(&in, n, 4, fill);
    const float *q = in.row[ROWS_MAX];
    bool ok = true;
    for (size_t count = 0; count <= ROWS_MAX; count++) {
        float ip[ROWS_MAX + 1], l2[ROWS_MAX + 1];
        ip[count] = l2[count] = 42;
        v->ip_f32_rows(q, in.row, count, n, ip);
        v->l2_f32_rows(q, in.row, count, n, l2);
        ok = ok && ip[count] == 42 && l2[count] == 42;
        for (size_t r = 0; r < count; r++) {
            const float *x = in.row[r];
            float want_ip = s->ip_f32(q, x, n), want_l2 = s->l2_f32(q, x, n);
            ok = ok && near(ip[r], want_ip, q, x, n, false) && near(l2[r], want_l2, q, x, n, true);
            ok = ok && near(v->ip_f32(q, x, n), want_ip, q, x, n, false);
            ok = ok && near(v->l2_f32(q, x, n), want_l2, q, x, n, true);
        }
    }
    input_fini(&in);
    return ok;
}

static bool check_dot(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    struct input in;
    input_init(&in, n, 1, fill);
    bool ok = true;
    for (size_t count = 0; count <= ROWS_MAX; count++) {
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

/* Rows of whole blocks; what is encoded has any length. */
static bool check_u4(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    size_t whole = (n + 127) / 128 * 128;
    struct input query, rows, floats;
    input_init(&query, whole, 1, fill);
    input_init(&rows, whole / 2, 1, fill);
    input_init(&floats, n, 4, fill);
    bool ok = true;
    for (size_t count = 0; count <= ROWS_MAX; count++) {
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

static bool check_codes(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
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

static bool check_bits(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill)
{
    struct input in;
    input_init(&in, n * 2, 4, fill);
    const uint8_t *bytes = (const uint8_t *)in.row[0]; /* the row with no shift: words are aligned */
    uint64_t want = 0;
    for (size_t i = 0; i < n * 64; i++)
        want += bytes[i / 8] >> i % 8 & 1;
    bool ok = s->count_bits(in.row[0], n) == want && v->count_bits(in.row[0], n) == want;
    input_fini(&in);
    return ok;
}

typedef bool (*check_fn)(const struct vek_kernels *v, const struct vek_kernels *s, size_t n, enum fill fill);

static bool check_lengths(check_fn check, const struct vek_kernels *v, const struct vek_kernels *s)
{
    static const size_t big[] = {255, 256, 257, 384, 768, 784, 1000, 1536, 4095, 4096, N_MAX};
    for (enum fill fill = 0; fill < FILLS; fill++) {
        for (size_t n = 0; n <= 200; n++)
            if (!check(v, s, n, fill))
                return printf("# fails at n %zu, fill %d\n", n, (int)fill), false;
        for (size_t i = 0; i < sizeof(big) / sizeof(big[0]); i++)
            if (!check(v, s, big[i], fill))
                return printf("# fails at n %zu, fill %d\n", big[i], (int)fill), false;
    }
    return true;
}

static bool check_use(const struct vek_kernels *v)
{
    return vek_use(v->name) == 0 && vek.ip_f32 == v->ip_f32 && vek.fold_u8 == v->fold_u8 &&
           vek_use("no such variant") == -1 && vek.ip_f32 == v->ip_f32;
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void bench(const struct vek_kernels *v)
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

int main(int argc, char **argv)
{
    const struct vek_kernels *const *all = vek_variants();
    if (argc > 1 && strcmp(argv[1], "--bench") == 0) {
        for (size_t i = 0; all[i]; i++)
            bench(all[i]);
        return 0;
    }
    unsigned tests = 0, failed = 0;
    for (size_t i = 0; all[i]; i++) {
        const struct vek_kernels *v = all[i];
        const struct {
            const char *name;
            check_fn fn;
        } checks[] = {{"float distances", check_f32},
                      {"byte products", check_dot},
                      {"4-bit codes", check_u4},
                      {"encode and fold", check_codes},
                      {"bit counts", check_bits}};
        for (size_t c = 0; c < sizeof(checks) / sizeof(checks[0]); c++) {
            bool ok = check_lengths(checks[c].fn, v, all[0]);
            failed += !ok;
            printf("%sok %u - %s: %s\n", ok ? "" : "not ", ++tests, v->name, checks[c].name);
        }
        bool ok = check_use(v);
        failed += !ok;
        printf("%sok %u - %s can be chosen\n", ok ? "" : "not ", ++tests, v->name);
    }
    printf("1..%u\n", tests);
    return failed > 0;
}
