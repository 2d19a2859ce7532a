/* hnsw_options.c -- how many links and candidates a graph has, given or chosen by the rows.
 * There is one small function for each choice, with its rule and the source of the rule. */
#include "index/autoindex.h"
#include "index/hnsw/hnsw_index.h"

#include <math.h>

#define EF_CONSTRUCT_MAX 4096

/* m is chosen by the local intrinsic dimension of the rows (intrinsic_dimension.h). Each bound
 * has two numbers: its value for 512 rows, and what a doubling of the rows adds, because more
 * rows show finer structure. Queries a second at equal recall, relative to m 24 (bench/ann):
 *
 *   rows                    intrinsic   .95, .99, .999 with m 16    with m 32
 *   digits, 784 dimensions  10 to 13    1.22, 1.06, 1.24
 *   news, 256 dimensions    11 to 12    1.10, 1.04, .98
 *   SIFT, 128 dimensions    13 to 17    .91, .91, -                 .99, .94, 1.23
 *   texts, 4096 dimensions  19 to 20    1.16, .98, 1.11
 *   images, 1280 dimensions 21 to 27    .99, .96, 1.04              .92, .95, .94
 *   words, 100 dimensions   21 to 28    .81, .85, -                 1.10, 1.11, 1.31
 *
 * So very long rows get m 16, and long ones at most 24, because each link costs a longer
 * comparison. Where the intrinsic dimension is very low, the rows are clusters or copies, which
 * need links that lead away. */
#define LOW_DIMENSION  12.0f
#define LOW_MORE       0.55f
#define LOW_LEAST      8.0f
#define HIGH_DIMENSION 20.0f
#define HIGH_MORE      0.8f
#define HIGH_ROW_MAX   256
#define LONG_DIM       1024 /* rows of more dimensions do as well with few links */
#define M_LOW          16
#define M_HIGH         32

/* Fewer rows are scanned. m 24 was faster than 16 by up to a quarter at recall .95 and .99,
 * and up to 1.8 times at .995, for 100 to 1280 dimensions. It takes 64 bytes a row more, and
 * 1.4 times the build. The rule goes by the rows that a growing segment may get, or that a
 * merge has. When m was 16 for fewer than 10 000 rows, a compacted segment of 6 000 rows had
 * recall .84 instead of .91. */
#define M_FEW_ROWS 512
#define M_SMALL    8
#define M_MIDDLE   24

#define EF_CONSTRUCT_PER_M     8
#define EF_CONSTRUCT_PER_M_MAX 64
#define EF_CONSTRUCT_MIN       100

int hnsw_options_check(const struct index_options *o, uint32_t dim, struct error *error)
{
    if (o->m != 0 && (o->m < 2 || o->m > HNSW_M_MAX))
        return error_set(error, ERROR_INVALID_ARGUMENT, "m is %u; it must be 2 to %u, or left out", o->m, HNSW_M_MAX);
    if (o->ef_construct > EF_CONSTRUCT_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT, "ef_construct is %u; at most %d", o->ef_construct,
                         EF_CONSTRUCT_MAX);
    return 0;
}

uint32_t hnsw_options_row_bytes(const struct index_options *o)
{
    const uint32_t links = 2u * o->m * (uint32_t)sizeof(uint32_t);
    /* of one row in m: its lists on higher layers */
    const uint32_t upper = 4 + 16u / o->m;
    /* packed links: as for a million rows */
    return (o->links == LINKS_PACKED ? links * 9 / 16 : links) + upper;
}

static uint16_t ef_construct_of(uint32_t m)
{
    uint32_t ef = EF_CONSTRUCT_PER_M * m;
    ef = ef < EF_CONSTRUCT_MIN ? EF_CONSTRUCT_MIN : ef;
    return (uint16_t)(ef < EF_CONSTRUCT_PER_M_MAX * m ? ef : EF_CONSTRUCT_PER_M_MAX * m);
}

void hnsw_options_resolve(struct index_options *o, uint32_t rows)
{
    o->open = (uint8_t)((o->m == 0 ? OPEN_M : 0) | (o->ef_construct == 0 ? OPEN_EF : 0));
    if (o->m == 0)
        o->m = rows < M_FEW_ROWS ? M_SMALL : M_MIDDLE;
    if (o->ef_construct == 0)
        o->ef_construct = ef_construct_of(o->m);
}

void hnsw_options_fit(struct index_options *o, float intrinsic_dimension, uint32_t looked_at, uint32_t dim)
{
    const float doublings = looked_at > M_FEW_ROWS ? log2f((float)looked_at / M_FEW_ROWS) : 0;
    const bool is_low = intrinsic_dimension >= LOW_LEAST &&
                        (dim > LONG_DIM || intrinsic_dimension < LOW_DIMENSION + LOW_MORE * doublings);
    const bool is_high = intrinsic_dimension >= HIGH_DIMENSION + HIGH_MORE * doublings && dim <= HIGH_ROW_MAX;
    if (!(o->open & OPEN_M) || o->m != M_MIDDLE)
        return;
    o->m = is_low ? M_LOW : is_high ? M_HIGH : M_MIDDLE;
    /* with many links, a middling number of candidates is as good */
    if (is_low && o->open & OPEN_EF)
        o->ef_construct = ef_construct_of(o->m);
}

void hnsw_options_most(struct index_options *o, uint32_t dim)
{
    if (o->open & OPEN_M && o->m == M_MIDDLE && dim <= HIGH_ROW_MAX)
        o->m = M_HIGH;
}

void hnsw_options_say(const struct index_options *o, const struct index *base, uint32_t rows, struct index_why *why)
{
    const float intrinsic_dimension = base ? hnsw_index_const(base)->intrinsic_dimension : 0;
    if (!(o->open & OPEN_M))
        index_why_add(why, "m %u (given)", o->m);
    else if (intrinsic_dimension > 0 && o->m != M_SMALL)
        index_why_add(why, "m %u (intrinsic dimension %.0f)", o->m, (double)intrinsic_dimension);
    else
        index_why_add(why, "m %u (%s %u rows)", o->m, rows < M_FEW_ROWS ? "below" : "from", M_FEW_ROWS);
    if (o->open & OPEN_EF)
        index_why_add(why, "ef_construct %u (m %u)", o->ef_construct, o->m);
    else
        index_why_add(why, "ef_construct %u (given)", o->ef_construct);
}
