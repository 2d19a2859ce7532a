/* bench.c -- measures one query against 32 rows, the work of a graph walk at one hop, in
 * nanoseconds a row.
 *
 * "hot" uses the same four rows again and again, in the first-level cache. "memory" uses random
 * rows of a set far larger than the last-level cache, in huge pages. The rows of the next hop
 * are prefetched into the second-level cache while those of this hop are scored. "fetch" is the
 * same without the score, reading one byte of each cache line. So "memory" minus "fetch" is the
 * cost of the kernel. The least of several rounds counts, because other programs only make a
 * round longer. */
#include "check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define SET_BYTES ((size_t)512 << 20)
#define HOP       32
#define HOT       4
#define ROUNDS    7
#define DIM_MAX   1536

static const size_t dims[] = {128, 384, 768, 1536};
#define DIMS (sizeof(dims) / sizeof(dims[0]))

struct query {
    float floats[DIM_MAX];
    int8_t bytes[DIM_MAX];
    uint64_t planes[4 * DIM_MAX / 64];
};

union result {
    float floats[HOP];
    int32_t ints[HOP];
};

typedef void (*score_fn)(const struct vek_kernels *v, const struct query *q, const void *const *rows, size_t n,
                         union result *ret);

static void score_f32(const struct vek_kernels *v, const struct query *q, const void *const *rows, size_t n,
                      union result *ret)
{
    v->ip_f32_rows(q->floats, rows, HOP, n, ret->floats);
}

static void score_f16(const struct vek_kernels *v, const struct query *q, const void *const *rows, size_t n,
                      union result *ret)
{
    v->ip_f16_rows(q->floats, rows, HOP, n, ret->floats);
}

static void score_bf16(const struct vek_kernels *v, const struct query *q, const void *const *rows, size_t n,
                       union result *ret)
{
    v->ip_bf16_rows(q->floats, rows, HOP, n, ret->floats);
}

static void score_u8(const struct vek_kernels *v, const struct query *q, const void *const *rows, size_t n,
                     union result *ret)
{
    v->dot_s8_u8_rows(q->bytes, rows, HOP, n, ret->ints);
}

static void score_u4(const struct vek_kernels *v, const struct query *q, const void *const *rows, size_t n,
                     union result *ret)
{
    v->dot_s8_u4_rows(q->bytes, rows, HOP, n, ret->ints);
}

static void score_u2(const struct vek_kernels *v, const struct query *q, const void *const *rows, size_t n,
                     union result *ret)
{
    v->dot_s8_u2_rows(q->bytes, rows, HOP, n, ret->ints);
}

static void score_s8_b1(const struct vek_kernels *v, const struct query *q, const void *const *rows, size_t n,
                        union result *ret)
{
    v->dot_s8_b1_rows(q->bytes, rows, HOP, n, ret->ints);
}

static void score_u4_b1(const struct vek_kernels *v, const struct query *q, const void *const *rows, size_t n,
                        union result *ret)
{
    v->dot_u4_b1_rows(q->planes, rows, HOP, n, ret->ints);
}

static const struct code {
    const char *name;
    score_fn score;
    size_t bits; /* for a dimension */
} codes[] = {
    {"f32", score_f32, 32},  {"f16", score_f16, 16},  {"bf16", score_bf16, 16},      {"8 bits", score_u8, 8},
    {"4 bits", score_u4, 4}, {"2 bits", score_u2, 2}, {"1 bit x 8", score_s8_b1, 1}, {"1 bit x 4", score_u4_b1, 1},
};
#define CODES (sizeof(codes) / sizeof(codes[0]))

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static size_t stride_of(const struct code *c, size_t n)
{
    return (n * c->bits / 8 + 63) / 64 * 64;
}

static double hot_ns(const struct vek_kernels *v, const struct code *c, const struct query *q, size_t n,
                     const uint8_t *set)
{
    const size_t times = 4000 * 128 / n;
    const void *rows[HOP];
    union result ret;
    double best = 1e9;
    for (size_t r = 0; r < HOP; r++)
        rows[r] = set + r % HOT * stride_of(c, n);
    for (unsigned round = 0; round < ROUNDS; round++) {
        double t = now_ns();
        for (size_t i = 0; i < times; i++)
            c->score(v, q, rows, n, &ret);
        t = (now_ns() - t) / (double)times / HOP;
        best = t < best ? t : best;
    }
    return best;
}

static void choose_rows(const uint8_t *set, size_t stride, const void **rows)
{
    for (size_t r = 0; r < HOP; r++) {
        const uint8_t *row = set + rng() % (SET_BYTES / stride) * stride;
        for (size_t i = 0; i < stride; i += 64)
            __builtin_prefetch(row + i, 0, 2);
        rows[r] = row;
    }
}

static void fetch(const void *const *rows, size_t stride, union result *ret)
{
    for (size_t r = 0; r < HOP; r++) {
        int32_t sum = 0;
        for (size_t i = 0; i < stride; i += 64)
            sum += ((const volatile uint8_t *)rows[r])[i];
        ret->ints[r] = sum;
    }
}

static double memory_ns(const struct vek_kernels *v, const struct code *c, const struct query *q, size_t n,
                        const uint8_t *set)
{
    const size_t hops = 1000, stride = stride_of(c, n);
    const void *rows[2][HOP];
    union result ret;
    double best = 1e9;
    for (unsigned round = 0; round < ROUNDS; round++) {
        choose_rows(set, stride, rows[0]);
        double t = now_ns();
        for (size_t i = 0; i < hops; i++) {
            choose_rows(set, stride, rows[(i + 1) % 2]);
            if (v)
                c->score(v, q, rows[i % 2], n, &ret);
            else
                fetch(rows[i % 2], stride, &ret);
        }
        t = (now_ns() - t) / (double)hops / HOP;
        best = t < best ? t : best;
    }
    return best;
}

/* Measures the kernels that prepare a query. */
static void bench_query(const struct vek_kernels *v, struct query *q)
{
    enum { TIMES = 2000, N = 1024 };
    static float x[N];
    double ns[3];
    memcpy(x, q->floats, sizeof(x));
    double t = now_ns();
    for (unsigned i = 0; i < TIMES; i++)
        v->fht_f32(x, N);
    ns[0] = (now_ns() - t) / TIMES;
    t = now_ns();
    for (unsigned i = 0; i < TIMES; i++)
        v->flip_f32(x, q->planes, N);
    ns[1] = (now_ns() - t) / TIMES;
    t = now_ns();
    for (unsigned i = 0; i < TIMES; i++)
        v->slice_u4((const uint8_t *)q->bytes, N, q->planes);
    ns[2] = (now_ns() - t) / TIMES;
    printf("%-8s 1024 dims: fht %.0f, flip %.0f, slices %.0f ns\n", v->name, ns[0], ns[1], ns[2]);
}

/* Measures 1-bit codes side by side, in blocks that come from beyond the first-level cache, like
 * those of a scan of lists. */
static void bench_lookup(const struct vek_kernels *v)
{
    static const size_t lengths[] = {128, 256, 768, 1536};
    enum { BYTES = 1 << 20, TIMES = 3 };
    uint8_t *set = calloc(1, BYTES);
    static uint8_t tables[32 * 1536 / 8];
    static uint16_t numbers[128];
    for (size_t i = 0; set && i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        const struct vek_lookup q = {.tables = tables, .bytes = lengths[i] / 8, .scale = 1};
        const size_t blocks = BYTES / (64 * q.bytes);
        double best = 1e9;
        for (unsigned round = 0; round < ROUNDS; round++) {
            double t = now_ns();
            for (size_t b = 0; b < TIMES * blocks; b++)
                v->lookup_b1_64(&q, set + b % blocks * 64 * q.bytes, numbers, 0);
            t = (now_ns() - t) / (double)(TIMES * blocks * 64);
            best = t < best ? t : best;
        }
        printf("%-8s %4zu dims, 1 bit looked up: %.2f ns a row\n", v->name, lengths[i], best);
    }
    free(set);
}

/* Measures sets with the links of a graph of half a million rows. */
static void bench_sets(const struct vek_kernels *v)
{
    enum { SETS = 256, LINKS = 32, ROWS = 524288 };
    static uint32_t links[LINKS + 16];
    static uint8_t sets[SETS * 64 + VEK_SET_SPARE];
    struct vek_set_shape shape;
    double best = 1e9;
    vek_set_shape_init(&shape, LINKS, ROWS);
    for (size_t i = 0; i < SETS; i++) {
        const uint32_t count = 13 + rng() % 20;
        for (uint32_t l = 0, link = 0; l < count; l++)
            links[l] = link += 1 + rng() % (ROWS / LINKS - 1);
        vek_set_write(&shape, links, count, sets + i * shape.bytes);
    }
    for (unsigned round = 0; round < 10 * ROUNDS; round++) {
        double t = now_ns();
        for (size_t i = 0; i < SETS; i++)
            v->set_read(&shape, sets + i * shape.bytes, links);
        t = (now_ns() - t) / SETS;
        best = t < best ? t : best;
    }
    printf("%-8s a set of 13 to 32 numbers: %u bytes, %.1f ns\n\n", v->name, shape.bytes, best);
}

static void bench_variant(const struct vek_kernels *v, struct query *q, const uint8_t *set)
{
    printf("%-12s", v->name);
    for (size_t d = 0; d < DIMS; d++)
        printf(" | %5zu hot memory  fetch", dims[d]);
    printf("   ns a row\n");
    for (size_t c = 0; c < CODES; c++) {
        printf("%-12s", codes[c].name);
        for (size_t d = 0; d < DIMS; d++) {
            double fetched = memory_ns(NULL, &codes[c], q, dims[d], set);
            double hot = hot_ns(v, &codes[c], q, dims[d], set), memory = memory_ns(v, &codes[c], q, dims[d], set);
            printf(" | %9.1f %6.1f %6.1f", hot, memory, fetched);
            fflush(stdout);
        }
        printf("\n");
    }
    bench_lookup(v);
    bench_query(v, q);
    bench_sets(v);
}

int bench(const char *name)
{
    uint8_t *set = mmap(NULL, SET_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (set == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    madvise(set, SET_BYTES, MADV_HUGEPAGE);
    /* gives ordinary values both as a float and as two 16-bit floats */
    memset(set, 0x3c, SET_BYTES);
    static struct query q;
    for (size_t i = 0; i < DIM_MAX; i++) {
        q.floats[i] = float_of(FILL_ORDINARY);
        q.bytes[i] = (int8_t)rng();
    }
    for (const struct vek_kernels *const *v = vek_variants(); *v; v++)
        if (name == NULL || strcmp(name, (*v)->name) == 0)
            bench_variant(*v, &q, set);
    munmap(set, SET_BYTES);
    return 0;
}
