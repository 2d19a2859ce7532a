/* recall_measure.c -- the stages of a measurement: the truth, the ladders rung by rung, the
 * scan. Each query of a stage is a separate piece of work, which any share may take. A finished
 * piece stays finished, so a pause loses one piece at most.
 *
 * A query whose neighbours were all found is not repeated with a larger ef, because that would
 * find them again. So the upper rungs, which are the slow ones, cost little. The distances of
 * such a query are assumed to grow as those of the others do. */
#include "index/recall/recall_measure.h"

#include "index/recall/recall_truth.h"
#include "index/scratch.h"
#include "index/search.h"
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define EF_STEP    1.4  /* from one rung to the next */
#define STALLED    3    /* a ladder ends when so many rungs found nothing more */
#define SCAN_ROWS  2048 /* of more rows, the scan is measured with a quarter of the queries */
#define MANY_SHARE 4    /* k 100, and scans of many rows, are measured with one query in so many */
#define ENOUGH     0.9995f
/* standard errors between mean and floor: a few queries may miss all of their neighbours */
#define DEVIATIONS      3
#define DEVIATIONS_LENT 2 /* the same for lent queries */
/* a growing graph is measured again when it has so many times the rows, */
#define GROWTH          1.5
#define QUERIES_GROWING 48 /* with at most so many queries */

enum stage { STAGE_TRUTH, STAGE_FEW, STAGE_MANY, STAGE_EARLY, STAGE_SCAN, STAGE_DONE };

/* The last result of a query. */
struct measured {
    uint32_t hits;   /* how many of its k nearest were found */
    float distances; /* computed distances */
    float before;    /* distances of the rung before */
    bool is_asked;   /* it was searched in this rung */
};

struct recall_measuring {
    struct recall_truth truth;
    struct recall_curve *curve;
    enum stage stage;
    uint32_t ef;         /* of the current rung */
    uint32_t ef_first;   /* of the first rung */
    bool grows;          /* it measures a growing graph */
    struct measured *of; /* for each query */
    bool *done;          /* for each piece of the stage or the rung */
};

struct job {
    struct recall_measuring *m;
    const struct segment_index *sealed; /* the index as it will be searched */
    const struct rows *vectors;
    uint32_t pieces;
    _Atomic uint32_t next; /* only counts; no data are published by it */
};

static uint32_t ladder_k(enum stage stage)
{
    return stage == STAGE_MANY ? RECALL_K_MAX : RECALL_K_MIN;
}

void recall_measuring_destroy(struct recall_measuring *m)
{
    if (!m)
        return;
    recall_truth_fini(&m->truth);
    free(m->curve);
    free(m->of);
    free(m->done);
    free(m);
}

static struct recall_measuring *measuring_create(const struct segment_index *x, uint32_t most,
                                                 const struct rows *vectors)
{
    struct recall_measuring *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    int rc = recall_truth_init(&m->truth, x, most, vectors);
    const uint32_t n = m->truth.of.count + 1;
    m->curve = calloc(1, sizeof(*m->curve));
    m->of = calloc(n, sizeof(*m->of));
    m->done = calloc(n, sizeof(*m->done));
    m->ef_first = x->reach ? x->reach->effort : 0;
    if (rc == 0 && m->curve && m->of && m->done) {
        const uint32_t queries = m->truth.of.count, many = m->truth.of.many;
        m->curve->of[0] = m->curve->early = (struct recall_ladder){.k = ladder_k(STAGE_FEW), .queries = queries};
        m->curve->of[1] = (struct recall_ladder){.k = ladder_k(STAGE_MANY), .queries = many};
        return m;
    }
    recall_measuring_destroy(m);
    return NULL;
}

/* -- one piece -- */

/* Searches for one query. Its own row is left out by `hidden`. But a scan meets that row, and
 * so does a walk when the row has copies, because they share its place in the graph. Then one
 * hit more is asked for. */
static int measure_query(const struct job *job, uint32_t query, struct search_scratch *scratch,
                         const struct pause *pause)
{
    struct recall_measuring *m = job->m;
    const struct segment_index *x = job->sealed;
    const bool scan = m->stage == STAGE_SCAN;
    const uint32_t row = m->truth.of.row[query], k = ladder_k(m->stage);
    const bool is_row = row != QUERY_LENT, meets = is_row && (scan || copies_entry(&x->copies, row));
    const struct search_params params = {.k = k + meets, .pause = pause};
    struct hit hits[RECALL_K_MAX + 1];
    struct search s = {.x = x,
                       .vectors = job->vectors,
                       .query = m->truth.of.vector[query],
                       .params = &params,
                       .scratch = scratch,
                       .count = indexed_rows(x),
                       .allowed = indexed_rows(x),
                       .k = k + meets,
                       .refined_k = k,
                       .ef = scan ? SEARCH_EF_DEFAULT : m->ef,
                       .scan = scan,
                       .ends_early = m->stage == STAGE_EARLY,
                       .early_least = m->ef_first,
                       .hidden = is_row && !meets ? &row : NULL};
    int n = search_run(&s, hits);
    if (n < 0)
        return n;
    struct measured *of = &m->of[query];
    of->hits = recall_truth_hits(&m->truth, query, k, hits, (uint32_t)n, job->vectors);
    of->distances = (float)(scan ? indexed_rows(x) : scratch->walked);
    of->is_asked = true;
    return 0;
}

static int do_piece(const struct job *job, uint32_t piece, struct search_scratch *scratch, const struct pause *pause)
{
    struct recall_measuring *m = job->m;
    return m->stage == STAGE_TRUTH ? recall_truth_scan(&m->truth, piece, job->vectors, pause)
                                   : measure_query(job, piece, scratch, pause);
}

static int do_share(void *arg, unsigned share, const struct pause *pause)
{
    struct job *job = arg;
    (void)share;
    struct search_scratch *scratch = search_scratch_create();
    int rc = scratch ? 0 : -ENOMEM;
    while (rc == 0) {
        const uint32_t piece = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
        if (piece >= job->pieces)
            break;
        if (job->m->done[piece])
            continue;
        rc = do_piece(job, piece, scratch, pause);
        job->m->done[piece] = rc == 0;
        if (rc == 0)
            rc = pause_here(pause);
    }
    search_scratch_destroy(scratch);
    return rc;
}

/* -- stages -- */

static uint32_t stage_pieces(const struct recall_measuring *m, uint32_t rows)
{
    const uint32_t queries = m->truth.of.count;
    if (m->stage == STAGE_TRUTH)
        return recall_truth_pieces(&m->truth);
    return m->stage == STAGE_MANY || (m->stage == STAGE_SCAN && rows > SCAN_ROWS && !m->grows) ? m->truth.of.many
                                                                                               : queries;
}

/* The sum of the recalls of some queries. */
struct answered {
    uint32_t queries;
    double sum, squares;
};

static double mean_of(const struct answered *a)
{
    return a->queries ? a->sum / a->queries : 1;
}

/* The mean minus so many standard errors. */
static double floor_of(const struct answered *a, double deviations)
{
    const double mean = mean_of(a), variance = a->queries ? fmax(a->squares / a->queries - mean * mean, 0) : 0;
    return mean - deviations * sqrt(variance / (a->queries + !a->queries));
}

static struct recall_rung rung_of(const struct recall_measuring *m, uint32_t ef, uint32_t k, uint32_t queries)
{
    struct answered rows = {0}, lent = {0};
    double distances = 0;
    for (uint32_t q = 0; q < queries; q++) {
        struct answered *a = m->truth.of.row[q] == QUERY_LENT ? &lent : &rows;
        const double recall = (double)m->of[q].hits / k;
        a->queries++;
        a->sum += recall;
        a->squares += recall * recall;
        distances += m->of[q].distances;
    }
    const double mean = fmin(mean_of(&rows), mean_of(&lent)), one = 1.0 / ((double)queries * k);
    const double lower = fmin(floor_of(&rows, DEVIATIONS), floor_of(&lent, DEVIATIONS_LENT));
    return (struct recall_rung){ef, (float)mean, (float)fmax(fmin(lower, mean - one), 0), (float)(distances / queries)};
}

/* Makes recall and floor rise, because few queries may fall by chance from one rung to the next. */
static void ladder_level(struct recall_ladder *l)
{
    for (uint32_t i = l->count; i-- > 0;) {
        struct recall_rung *r = &l->rung[i];
        if (i + 1 < l->count) {
            r->recall = fminf(r->recall, r[1].recall);
            r->floor = fminf(r->floor, r[1].floor);
        }
        r->floor = fminf(r->floor, r->recall);
    }
    for (uint32_t i = 1; i < l->count; i++)
        l->rung[i].distances = fmaxf(l->rung[i].distances, l->rung[i - 1].distances);
}

/* Whether larger beams have nothing to show: all neighbours were found, no further ones are
 * found, or a scan is cheaper. */
static bool ladder_ends(const struct recall_ladder *l, uint32_t rows, uint32_t next_ef)
{
    const struct recall_rung *last = &l->rung[l->count - 1];
    return last->recall >= ENOUGH || l->count == RECALL_RUNGS_MAX || next_ef > RECALL_EF_MAX || next_ef >= rows / 2 ||
           (l->count > STALLED && last->recall <= last[-STALLED].recall) || last->distances > (float)rows / 2;
}

/* For a growing graph, STAGE_EARLY is left out. Its ef is never below that of graphs without a
 * curve, so ending early gains little. */
static void next_stage(struct recall_measuring *m)
{
    m->stage = m->stage == STAGE_MANY && m->grows ? STAGE_SCAN : m->stage + 1;
    m->ef = ladder_k(m->stage) > m->ef_first ? ladder_k(m->stage) : m->ef_first;
    memset(m->of, 0, m->truth.of.count * sizeof(*m->of));
    memset(m->done, 0, m->truth.of.count * sizeof(*m->done));
}

/* Estimates the distances of queries that were not repeated. */
static void extrapolate(struct recall_measuring *m, uint32_t queries)
{
    double before = 0, now = 0;
    for (uint32_t q = 0; q < queries; q++) {
        before += m->of[q].is_asked ? m->of[q].before : 0;
        now += m->of[q].is_asked ? m->of[q].distances : 0;
    }
    for (uint32_t q = 0; q < queries; q++)
        if (!m->of[q].is_asked && before > 0)
            m->of[q].distances *= (float)(now / before);
}

static void rung_begin(struct recall_measuring *m, uint32_t k, uint32_t queries)
{
    for (uint32_t q = 0; q < queries; q++) {
        m->done[q] = m->of[q].hits == k;
        m->of[q].is_asked = false;
        m->of[q].before = m->of[q].distances;
    }
}

static void rung_end(struct recall_measuring *m, uint32_t rows, uint32_t queries)
{
    struct recall_curve *c = m->curve;
    struct recall_ladder *l = m->stage == STAGE_EARLY ? &c->early : &c->of[m->stage == STAGE_MANY];
    extrapolate(m, queries);
    l->rung[l->count++] = rung_of(m, m->ef, l->k, queries);
    rung_begin(m, l->k, queries);
    m->ef = (uint32_t)(m->ef * EF_STEP);
    if (ladder_ends(l, rows, m->ef)) {
        ladder_level(l);
        next_stage(m);
    }
}

static void stage_end(struct recall_measuring *m, uint32_t rows, uint32_t queries)
{
    switch (m->stage) {
    case STAGE_FEW:
    case STAGE_MANY:
    case STAGE_EARLY: rung_end(m, rows, queries); break;
    case STAGE_SCAN:
        m->curve->scan = rung_of(m, rows, RECALL_K_MIN, queries);
        next_stage(m);
        break;
    default: next_stage(m);
    }
}

static int do_stage(struct recall_measuring *m, const struct segment_index *sealed, const struct rows *vectors,
                    const struct workers *workers, const struct pause *pause)
{
    const uint32_t rows = indexed_rows(sealed), pieces = stage_pieces(m, rows);
    struct job job = {.m = m, .sealed = sealed, .vectors = vectors, .pieces = pieces};
    atomic_init(&job.next, 0);
    int rc = workers_run(workers, do_share, &job, pause);
    if (rc == 0)
        stage_end(m, rows, pieces);
    return rc;
}

static uint32_t lent_count(const struct segment_index *x)
{
    return x->queries ? x->queries->count : 0;
}

uint32_t recall_growing_due(const struct segment_index *x)
{
    const double due = ceil(GROWTH * x->growing.rows);
    return due > RECALL_GROWING_MIN ? (uint32_t)due : RECALL_GROWING_MIN;
}

/* Whether the rows have grown enough, or the lent queries are twice as many as at
 * the last measurement. */
static bool growing_is_due(const struct segment_index *x)
{
    const struct recall_growing *of = &x->growing;
    const uint32_t lent = lent_count(x);
    return indexed_rows(x) >= recall_growing_due(x) || (lent >= RECALL_QUERIES_MIN && lent >= 2 * of->lent);
}

/* Without workers, because rows may be appended at its pauses, and other
 * cores must not see that. */
int recall_measure_growing(struct segment_index *x, const struct rows *vectors, const struct pause *pause)
{
    struct recall_growing *of = &x->growing;
    if (indexed_rows(x) < RECALL_GROWING_MIN || !growing_is_due(x))
        return 0;
    struct recall_measuring *m = measuring_create(x, QUERIES_GROWING, vectors);
    if (!m)
        return -ENOMEM;
    const uint32_t lent = lent_count(x);
    m->ef_first = SEARCH_EF_DEFAULT;
    m->grows = true;
    int rc = 0;
    while (rc == 0 && m->truth.of.count && m->stage != STAGE_DONE)
        rc = do_stage(m, x, vectors, NULL, pause);
    if (rc == 0) {
        free(of->curve);
        *of = (struct recall_growing){
            .rows = indexed_rows(x), .lent = lent, .curve = m->truth.of.count ? m->curve : NULL};
        m->curve = m->truth.of.count ? NULL : m->curve;
    }
    recall_measuring_destroy(m);
    return rc;
}

int recall_measure(struct segment_index *x, const struct rows *vectors, const struct workers *workers,
                   const struct pause *pause)
{
    if (x->curve || indexed_rows(x) < RECALL_ROWS_MIN)
        return 0;
    if (!x->measuring)
        x->measuring = measuring_create(x, RECALL_QUERIES_MAX, vectors);
    if (!x->measuring)
        return -ENOMEM;
    struct recall_measuring *m = x->measuring;
    /* as the index will be opened: searches use the codes that were made */
    struct segment_index sealed = *x;
    sealed.sealed = true;
    sealed.unindexed = (struct unindexed){0};
    if (x->made.ops)
        sealed.codes = x->made;
    int rc = 0;
    while (rc == 0 && m->truth.of.count && m->stage != STAGE_DONE)
        rc = do_stage(m, &sealed, vectors, workers, pause);
    if (rc != 0)
        return rc;
    x->curve = m->curve;
    m->curve = NULL;
    recall_measuring_destroy(m);
    x->measuring = NULL;
    return 0;
}
