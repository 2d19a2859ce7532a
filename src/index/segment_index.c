/* segment_index.c -- an index from its creation to its end, and one search of it: by codes (search.h), then what has none yet by
 * its vectors. */
#include "index/segment_index_impl.h"

#include "base/bits.h"
#include "base/memory_use.h"
#include "index/recall/recall_measure.h"
#include "index/search.h"
#include "vek.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define EF_PART_MIN         24 /* walks that keep fewer lose their way */
#define FEW_VECTORS         1024
#define FEW_SCANNED         16384 /* rows with so few vectors, copies among them, are scanned until a curve is measured */
#define GROWING_WALK_COST   1.5f /* 18 to 25 ns a distance of 64 values, where recall_curve.c takes 16 */
#define GROWING_EXACT       2    /* rows that all vectors are compared of, as a multiple of those in the graph */
#define EFFORT_EXACT        8    /* times what was measured: the codes themselves must miss neighbours */
#define RESTARTS_MAX        8
#define SPARE_STEP          4      /* times as many candidates are scored again, */
#define MISSED_MAX          0.02   /* when codes seem to have missed a larger share of the hits, */
#define SPARE_MAX           64     /* up to so many times what was measured, */
#define EXACT_ROWS          100000 /* and then all, if there are no more */
#define QUERY_LARGE         1e15f  /* values, beyond which a search goes by the vectors alone */
#define QUERY_SMALL         1e-25f
#define QUERY_SQUARE_ENOUGH 1e-30f /* no query of so much has all its values below QUERY_SMALL */

int segment_index_create(enum metric metric, uint32_t dim, const struct index_options *options,
                         struct segment_index **ret)
{
    struct index_options o = options ? *options : (struct index_options){0};
    o.m = o.m == 0 ? 16 : o.m < 2 ? 2 : o.m > HNSW_M_MAX ? HNSW_M_MAX : o.m;
    o.ef_construct = o.ef_construct ? o.ef_construct : 100;
    if (o.ef_construct < o.m)
        o.ef_construct = o.m;
    struct segment_index *x = calloc(1, sizeof(*x));
    if (!x)
        return -ENOMEM;
    x->metric = metric;
    x->dim = dim;
    x->options = o;
    hnsw_init(&x->graph, &o);
    x->graph.copies = &x->copies;
    *ret = x;
    return 0;
}

void segment_index_give_back(struct segment_index *x, void (*pause)(void))
{
    struct row_array *columns[] = {&x->graph.links, &x->graph.packed.sets, &x->graph.node,   &x->graph.upper,
                                   &x->packed.sets, &x->codes.rows,        &x->codes.norms,  &x->made.rows,
                                   &x->made.norms,  &x->refine.rows,       &x->refine.norms, &x->next.rows,
                                   &x->copies.next};
    for (unsigned i = 0; i < ARRAY_LEN(columns); i++)
        row_array_give_back(columns[i], pause);
}

void segment_index_destroy(struct segment_index *x)
{
    if (!x)
        return;
    hnsw_fini(&x->graph);
    copies_fini(&x->copies);
    hnsw_builder_destroy(x->builder);
    codes_fini(&x->codes);
    codes_fini(&x->next);
    codes_check_destroy(x->check);
    unindexed_fini(&x->unindexed);
    links_packed_fini(&x->packed);
    codes_fini(&x->made);
    codes_fini(&x->refine);
    sq8_sample_fini(&x->sample);
    recall_measuring_destroy(x->measuring);
    free(x->curve);
    free(x->growing.curve);
    free(x->header);
    free(x->quantiser);
    free(x);
}

static uint32_t allowed_count(const uint64_t *allowed, uint32_t count)
{
    uint32_t n = (uint32_t)vek.count_bits(allowed, count / 64);
    if (count % 64)
        n += (uint32_t)__builtin_popcountll(allowed[count / 64] & (((uint64_t)1 << (count % 64)) - 1));
    return n;
}

uint32_t segment_index_waiting(const struct segment_index *x, uint32_t count)
{
    const uint32_t from = x->graph.count;
    if (from >= count)
        return 0;
    return x->alive ? allowed_count(x->alive, count) - allowed_count(x->alive, from) : count - from;
}

void segment_index_lend_alive(struct segment_index *x, const uint64_t *alive)
{
    x->alive = alive;
}

void segment_index_lend_queries(struct segment_index *x, const struct query_sample *queries)
{
    x->queries = queries;
}

uint32_t segment_index_graphed(const struct segment_index *x)
{
    return x->graph.count;
}

void segment_index_plan(struct segment_index *x, const struct index_facts *facts)
{
    if (x->is_planned)
        return;
    x->facts = *facts;
    x->is_planned = true;
}

bool segment_index_is_planned(const struct segment_index *x)
{
    return x->is_planned;
}

void segment_index_say(const struct segment_index *x, struct index_why *why)
{
    index_options_say_graph(&x->options, x->rows, x->intrinsic_dimension, why);
    index_options_say_codes(&x->resolved, &x->reasons, why);
}

const struct index_options *segment_index_options(const struct segment_index *x)
{
    return x->is_resolved ? &x->resolved : &x->options;
}

void segment_index_memory(const struct segment_index *x, struct memory_use *use)
{
    use->bytes[MEMORY_LINKS] += hnsw_bytes(&x->graph) + row_array_bytes(&x->packed.sets) + copies_bytes(&x->copies);
    use->bytes[MEMORY_CODES] += sizeof(*x) + (x->curve ? sizeof(*x->curve) : 0) +
                                (x->growing.curve ? sizeof(*x->growing.curve) : 0) + codes_bytes(&x->codes) +
                                codes_bytes(&x->next) + codes_bytes(&x->made) + unindexed_bytes(&x->unindexed) +
                                codes_check_bytes(x->check);
    use->bytes[MEMORY_REFINE] += codes_bytes(&x->refine);
    use->bytes[MEMORY_BUILDS] += hnsw_builder_bytes(x->builder);
}

uint64_t segment_index_bytes(const struct segment_index *x)
{
    struct memory_use use = {0};
    segment_index_memory(x, &use);
    return memory_use_sum(&use);
}

static int scan_vectors(struct search *s, uint32_t from)
{
    struct scan scan = {.from = from,
                        .to = s->count,
                        .allowed = s->params->allowed,
                        .pause = s->params->pause,
                        .scratch = s->scratch,
                        .top = &s->found};
    return from < s->count ? flat_scan(&scan, s->x->metric, s->x->dim, s->vectors, s->query) : 0;
}

/* Of the ef nearest of all rows this part has ef / parts, give or take the root of it; two roots more are kept than that. So a search of several
 * parts is about as good as one of a whole, and a part is searched sooner. */
static uint32_t ef_of_part(uint32_t ef, uint32_t k, uint32_t parts)
{
    const double share = (double)ef / parts, part = ceil(share + 2 * sqrt(share * (1 - 1.0 / parts)));
    const double least = k > EF_PART_MIN ? k : EF_PART_MIN;
    const double enough = part > least ? part : least;
    return enough < ef ? (uint32_t)enough : ef;
}

const struct recall_curve *segment_index_curve(const struct segment_index *x)
{
    return x->curve;
}

static struct recall_effort effort_by_curve(const struct segment_index *x, float recall, uint32_t k, bool early)
{
    const struct recall_sizes sizes = {.rows = x->graph.count,
                                       .distinct = x->copies.leader ? x->copies.leader_count : x->graph.count,
                                       .code_bytes = x->codes.stride,
                                       .vector_bytes = x->dim * (uint32_t)sizeof(float)};
    return recall_curve_effort(x->curve, &sizes, recall, k, early);
}

uint32_t segment_index_ef(const struct segment_index *x, float recall, uint32_t k)
{
    if (!x->curve || !x->sealed)
        return 0;
    const struct recall_effort effort = effort_by_curve(x, recall, k, false);
    return effort.way == RECALL_WALK ? effort.ef : 0;
}

/* Most rows are copies, and the graph of the others is small: it says little where all of them are equally far apart. */
static bool has_few_vectors(const struct segment_index *x)
{
    return x->copies.leaders < FEW_VECTORS && x->graph.count < FEW_SCANNED;
}

/* The same of a graph that grows, as it was when it was measured: what a walk costs has grown with its rows since, as a scan
 * does. */
static struct recall_effort growing_effort(const struct segment_index *x, float recall, uint32_t k)
{
    const struct recall_sizes sizes = {.rows = x->growing.rows,
                                       .distinct = x->growing.rows,
                                       .code_bytes = x->codes.stride,
                                       .vector_bytes = x->dim * (uint32_t)sizeof(float),
                                       .walk_cost = GROWING_WALK_COST};
    return recall_curve_effort(x->growing.curve, &sizes, recall, k, false);
}

/* A graph that grows has had rows since it was measured: its ef grows with their number, and is no smaller
 * than that of graphs without a curve. Where not even its codes find what is wanted, all vectors are compared, but not of many
 * times the rows that it speaks of. */
static void choose_growing(struct search *s)
{
    const struct segment_index *x = s->x;
    const struct search_params *p = s->params;
    s->ef = p->ef_unmeasured ? p->ef_unmeasured : recall_default_ef(p->recall, s->k);
    s->ef = s->ef > search_refine_count(s) ? s->ef : search_refine_count(s);
    if (!x->growing.curve) {
        s->scan = has_few_vectors(x);
        return;
    }
    const struct recall_effort effort = growing_effort(x, p->recall, s->k);
    s->exact = effort.way == RECALL_EXACT && s->count / GROWING_EXACT <= x->graph.count;
    s->scan = effort.way != RECALL_WALK;
    const double grown = (double)effort.ef * x->graph.count / x->growing.rows;
    if (effort.way == RECALL_WALK && grown > s->ef)
        s->ef = (uint32_t)grown;
}

/* What it takes to have the recall that was asked for. */
static void choose_effort(struct search *s)
{
    const struct segment_index *x = s->x;
    const struct search_params *p = s->params;
    if (p->recall >= 1 || s->count < RECALL_ROWS_MIN) {
        s->exact = true;
        return;
    }
    if (x->curve && x->sealed) {
        s->refined_k = s->k > RECALL_K_MIN ? s->k : RECALL_K_MIN;
        const struct recall_effort effort = effort_by_curve(x, p->recall, s->k, search_may_end_early(s));
        s->scan = effort.way == RECALL_SCAN;
        s->exact = effort.way == RECALL_EXACT;
        s->leaders = s->exact && x->copies.leader && !p->allowed && s->count == x->graph.count;
        s->ef = effort.way == RECALL_WALK ? effort.ef : SEARCH_EF_DEFAULT;
        s->ends_early = effort.ends_early;
    } else {
        choose_growing(s);
    }
}

/* Walks keep more than was measured. Where a scan costs no more it takes their place, and in the end
 * the vectors do. */
static void widen(struct search *s)
{
    const double effort = s->params->effort, ef = s->ef * effort;
    if (effort <= 1)
        return;
    s->ef = ef < s->count ? (uint32_t)ef : s->count;
    s->scan |= (uint64_t)s->ef * SCANNED_PER_EF >= s->count;
    s->exact |= s->scan && effort >= EFFORT_EXACT;
}

static void choose_ef(struct search *s)
{
    const struct search_params *p = s->params;
    s->ef = p->ef ? p->ef : SEARCH_EF_DEFAULT;
    s->exact = p->exact;
    s->ends_early = p->ends_early;
    s->early_least = s->x->curve && s->x->sealed ? s->x->curve->early.rung[0].ef : 0;
    if (!p->ef && p->recall > 0 && !p->exact) {
        choose_effort(s);
        widen(s);
    } else if (!p->ef && s->ef < search_refine_count(s)) {
        s->ef = search_refine_count(s);
    }
    s->ef = s->ef > s->k ? s->ef : s->k;
    if (p->parts > 1)
        s->ef = ef_of_part(s->ef, s->k, p->parts);
}

/* Whether what codes make of a query may be no number. The sum of squares, which takes a tenth of the time that the largest
 * value does, tells it of nearly all. */
static bool is_extreme(const struct segment_index *x, const float *query)
{
    if (x->metric == METRIC_COSINE || (x->sealed && x->codes.kind == CODE_F32)) /* which are the vectors */
        return false;
    const float square = vek.ip_f32(query, query, x->dim);
    if (square <= QUERY_LARGE * QUERY_LARGE && square >= QUERY_SQUARE_ENOUGH)
        return false;
    const float largest = vectors_largest(query, x->dim);
    return largest > QUERY_LARGE || (x->metric == METRIC_IP && largest > 0 && largest < QUERY_SMALL);
}

/* By codes; restarts while they are swapped. -EAGAIN: it is to be by the vectors. */
static int run_by_codes(struct search *s, struct hit *ret_hits)
{
    const struct segment_index *x = s->x;
    int rc = -EAGAIN;
    for (unsigned i = 0; i < RESTARTS_MAX && rc == -EAGAIN; i++) {
        const uint32_t coded = x->codes.count, graphed = x->graph.count;
        topk_init(&s->found, ret_hits, s->k);
        s->found.keys = s->params->keys;
        s->missed = 0;
        rc = coded ? search_coded(s, coded, graphed) : 0;
        if (rc == 0)
            rc = scan_vectors(s, coded);
    }
    return rc;
}

/* How many candidates are scored again was measured with all rows. Those that a filter leaves may lie closer together,
 * so that codes tell less of their order: then more are scored again, and in the end all, unless they are too many. */
static int run_with_spare(struct search *s, struct hit *ret_hits)
{
    int rc = run_by_codes(s, ret_hits);
    for (s->spare = SPARE_STEP; rc == 0 && s->missed > MISSED_MAX * s->k && s->spare <= SPARE_MAX;
         s->spare *= SPARE_STEP) {
        const uint64_t again = (uint64_t)search_refine_count(s) * s->spare;
        if (again * SPARE_STEP >= s->allowed)
            return -EAGAIN;
        s->ef = s->ef < s->count / SPARE_STEP ? s->ef * SPARE_STEP : s->count;
        rc = run_by_codes(s, ret_hits);
    }
    return rc == 0 && s->missed > MISSED_MAX * s->k && s->allowed <= EXACT_ROWS ? -EAGAIN : rc;
}

int search_run(struct search *s, struct hit *ret_hits)
{
    const bool exact = s->exact || is_extreme(s->x, s->query);
    s->scratch->unindexed_seen = s->scratch->unindexed_scored = 0;
    int rc = exact ? -EAGAIN : run_with_spare(s, ret_hits);
    if (rc == -EAGAIN) {
        topk_init(&s->found, ret_hits, s->k);
        s->found.keys = s->params->keys;
        rc = s->leaders ? search_leaders(s) : scan_vectors(s, 0);
    }
    if (rc != 0)
        return rc;
    topk_sort(&s->found);
    return (int)s->found.count;
}

int segment_index_search(const struct segment_index *x, const struct rows *vectors, uint32_t count, const float *query,
                         const struct search_params *params, struct search_scratch *scratch, struct hit *ret_hits)
{
    struct search s = {.x = x,
                       .vectors = vectors,
                       .query = query,
                       .params = params,
                       .scratch = scratch,
                       .count = count,
                       .allowed = count};
    if (params->allowed)
        s.allowed = params->allowed_count ? params->allowed_count : allowed_count(params->allowed, count);
    s.k = s.refined_k = params->k < s.allowed ? params->k : s.allowed;
    if (s.k == 0)
        return 0;
    choose_ef(&s);
    return search_run(&s, ret_hits);
}
