/* finish.c -- makes the contents of the sealed index when all rows are linked: the codes that
 * are searched, and the rows that score again. The build uses its own codes, so these are made
 * beside them, with pauses, while searches go on with the old ones. */
#include "index/autoindex.h"
#include "index/recall/recall_measure.h"
#include "index/search.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define BYTES_PER_PAUSE (64 * 1024)
#define QUERIES         40   /* sample rows that codes are checked with */
#define RECALL          0.99 /* share of their neighbours that codes must find */

/* Reads all rows. The ranges of a sample would leave out one row in a thousand, which is more
 * outliers than are allowed. */
static int sample_rows(struct codes_sample *sample, uint32_t dim, const struct rows *vectors, uint32_t count,
                       const struct pause *pause)
{
    uint32_t pending = 0;
    for (uint32_t row = 0; row < count; row++) {
        codes_sample_add(sample, rows_at(vectors, row), dim);
        pending += dim * (uint32_t)sizeof(float) * 4; /* costs four times as much as encoding */
        if (pending >= BYTES_PER_PAUSE) {
            pending = 0;
            int rc = pause_here(pause);
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

static int train(struct codes *c, const struct rows *vectors, uint32_t count, const struct workers *workers,
                 const struct pause *pause)
{
    struct codes_sample sample;
    int rc = codes_sample_init(&sample, c->dim);
    if (rc < 0)
        return rc;
    codes_sample_trim(&sample, vectors, count, c->dim);
    rc = sample_rows(&sample, c->dim, vectors, count, pause);
    if (rc == 0)
        rc = codes_train(c, &(struct codes_training){&sample, vectors, count, workers, pause});
    if (rc == 0)
        c->trained_rows = count;
    codes_sample_fini(&sample);
    return rc;
}

/* Makes codes of one kind for all rows. After a pause ended it, another call goes on
 * with what is missing. */
static int make_codes(const struct segment_index *x, struct codes *c, struct code_type type, const struct rows *vectors,
                      const struct workers *workers, const struct pause *pause)
{
    const uint32_t count = indexed_rows(x);
    int rc = c->ops ? 0 : codes_init(c, type, x->metric, x->dim);
    if (rc == 0 && c->trained_rows == 0)
        rc = train(c, vectors, count, workers, pause);
    if (rc == 0)
        rc = codes_fill(c, vectors, count, workers, pause);
    if (rc == 0)
        rc = row_array_join(&c->rows, count, pause);
    return rc == 0 ? row_array_join(&c->norms, c->norm_bytes ? count : 0, pause) : rc;
}

/* Chooses the options by the data. */
static int resolve(struct segment_index *x, const struct rows *vectors, const struct pause *pause)
{
    struct index_facts facts = {.metric = x->metric, .dim = x->dim, .rows = indexed_rows(x)};
    int rc = x->is_planned ? 0 : index_facts_read(&facts, vectors, pause);
    if (rc != 0)
        return rc;
    segment_index_plan(x, &facts);
    x->resolved = x->options;
    index_options_resolve_codes(&x->resolved, &x->facts, &x->reasons);
    x->is_resolved = true;
    return 0;
}

/* -- codes that find the neighbours -- */

/* Whether few enough rows lie outside the ranges that the codes were trained on. */
static bool is_described(const struct codes *c)
{
    return c->clipped <= codes_outliers_allowed(c->count);
}

/* The codes of the growing index may be of the wanted kind; they serve unless too many rows came
 * later that they do not describe. */
static struct codes *sealed_codes(struct segment_index *x)
{
    const bool same = x->resolved.code == x->codes.kind && x->resolved.code_bits == x->codes.bits;
    return same && !x->made.ops && is_described(&x->codes) ? &x->codes : &x->made;
}

static int make(struct segment_index *x, const struct rows *vectors, const struct workers *workers,
                const struct pause *pause)
{
    const struct index_options *o = &x->resolved;
    int rc = 0;
    if (sealed_codes(x) == &x->made)
        rc = make_codes(x, &x->made, index_code_type(o), vectors, workers, pause);
    if (rc == 0 && index_refine_is_held(o->refine))
        rc = make_codes(x, &x->refine, (struct code_type){refine_code(o->refine), 0}, vectors, workers, pause);
    return rc;
}

static uint32_t candidates(float refine_k)
{
    const float wanted = ceilf(CHECK_NEIGHBOURS * refine_k);
    return wanted < REFINE_MIN ? REFINE_MIN : wanted < CHECK_CANDIDATES ? (uint32_t)wanted : CHECK_CANDIDATES;
}

/* The recall of a search that scores refine_k times k candidates again. */
static double recall_at(const struct segment_index *x, float refine_k, bool exactly)
{
    const bool refined = x->resolved.refine != REFINE_NONE;
    return codes_check_recall(x->check, refined ? candidates(refine_k) : CHECK_NEIGHBOURS, exactly);
}

/* Codes with fewer than 8 bits a value. */
static bool is_coarse(const struct index_options *o)
{
    return code_value_bits(index_code_type(o)) < 8;
}

/* Raises refine_k, as far as that helps. 8-bit codes that need many candidates cannot tell near
 * rows apart: a walk would need a larger ef, and would miss rows by their own vectors. Finer
 * codes are then faster to search. */
static bool raise_refine_k(struct segment_index *x, bool exactly)
{
    static const float tries[] = {2, 3, 4, 6};
    const float most = is_coarse(&x->resolved) ? 6 : 3;
    if (x->options.refine_k > 0 || x->resolved.refine == REFINE_NONE)
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(tries); i++)
        if (tries[i] > x->resolved.refine_k && tries[i] <= most && recall_at(x, tries[i], exactly) >= RECALL) {
            x->resolved.refine_k = tries[i];
            return true;
        }
    return false;
}

/* Scores candidates again by the vectors, if the f16 or bf16 rows are what misses neighbours. */
static bool refine_by_vectors(struct segment_index *x)
{
    if (!x->refine.ops || x->options.refine != REFINE_AUTO)
        return false;
    if (recall_at(x, x->resolved.refine_k, true) < RECALL && !raise_refine_k(x, true))
        return false;
    x->resolved.refine = REFINE_F32;
    x->reasons.refine = "f16 is too coarse";
    x->reasons.recall = recall_at(x, x->resolved.refine_k, true);
    codes_fini(&x->refine);
    return true;
}

/* Chooses finer codes, because these have a fault. False: there are none. */
static bool take_finer(struct segment_index *x, const char *fault)
{
    if (!index_options_refine_codes(&x->resolved, &x->options, &x->facts, fault, &x->reasons))
        return false;
    codes_fini(&x->made);
    if (!index_refine_is_held(x->resolved.refine))
        codes_fini(&x->refine);
    x->is_accepted = false;
    return true;
}

/* True when the codes find the neighbours, or nothing better can be made. Otherwise it has
 * chosen what to make instead. */
static bool accept(struct segment_index *x)
{
    const struct codes *c = sealed_codes(x);
    const bool described = is_described(c);
    char fault[40];
    x->reasons.recall = recall_at(x, x->resolved.refine_k, false);
    if (described && x->refine.clipped == 0 && x->reasons.recall < RECALL && raise_refine_k(x, false))
        x->reasons.recall = recall_at(x, x->resolved.refine_k, false);
    const bool is_own = !x->check || codes_check_own(x->check, REFINE_MIN);
    if (described && is_own && x->refine.clipped == 0 && x->reasons.recall >= RECALL)
        return true;
    if (described && is_own && refine_by_vectors(x))
        return true;
    if (!described)
        snprintf(fault, sizeof(fault), "clips %u rows", c->clipped);
    else if (!is_own)
        snprintf(fault, sizeof(fault), "confuses near rows");
    else
        snprintf(fault, sizeof(fault), "finds %.3f", x->reasons.recall);
    return !take_finer(x, fault);
}

/* Measures what the codes find. Codes that are exact leave x->check NULL. */
static int check_codes(struct segment_index *x, const struct rows *vectors, const struct workers *workers,
                       const struct pause *pause)
{
    const struct codes *c = sealed_codes(x), *refine = x->refine.ops ? &x->refine : NULL;
    if (indexed_rows(x) == 0 || codes_are_values(c) || (codes_are_lossless(c) && c->clipped == 0))
        return 0;
    if (!x->check)
        x->check = codes_check_create(&(struct codes_checked){c, refine, vectors, indexed_rows(x)}, QUERIES);
    return x->check ? codes_check_run(x->check, workers, pause) : -ENOMEM;
}

/* Makes codes; replaces them by finer ones as long as they miss neighbours that
 * finer codes would find. */
static int make_codes_that_find(struct segment_index *x, const struct rows *vectors, const struct workers *workers,
                                const struct pause *pause)
{
    while (!x->is_accepted) {
        int rc = make(x, vectors, workers, pause);
        if (rc == 0)
            rc = check_codes(x, vectors, workers, pause);
        if (rc != 0)
            return rc;
        x->reasons.recall = -1;
        x->is_accepted = !x->check || accept(x);
        codes_check_destroy(x->check);
        x->check = NULL;
    }
    x->codes_recall = x->reasons.recall > 0 ? (float)x->reasons.recall : 0;
    return 0;
}

/* Scores so many candidates again that a row, which is searched for by its own
 * vector, is among them. */
static void score_beam_again(struct index_options *resolved, const struct index_options *options, uint32_t beam)
{
    const float wanted = (float)beam / RECALL_K_MIN;
    if (resolved->refine != REFINE_NONE && options->refine_k == 0 && beam > REFINE_MIN && resolved->refine_k < wanted)
        resolved->refine_k = wanted;
}

/* Makes a row and its copies outliers, which are scored by their vectors. */
static int set_apart(const struct segment_index *x, struct codes *c, uint32_t row)
{
    int rc = codes_add_outlier(c, row);
    for (uint32_t i = copies_first(&x->copies, row); rc == 0 && i < c->count; i = copies_next(&x->copies, row, i))
        rc = codes_add_outlier(c, i);
    return rc;
}

/* Rows whose codes are like those of others are not found by their own vectors, or only with a
 * wider beam. A few such rows become outliers. When no beam finds more rows than may be
 * outliers, finer codes are made. */
static int tell_apart(struct segment_index *x)
{
    struct index_confused *of = &x->reach->confused;
    struct codes *c = sealed_codes(x);
    const uint32_t allowed = codes_outliers_allowed(c->count);
    char fault[40];
    if (of->count == 0)
        return 0;
    snprintf(fault, sizeof(fault), "confuses %.0f rows", of->all_lost);
    if (of->all_lost + c->outlier_count > allowed && take_finer(x, fault)) {
        x->reach->rows = 0;
        return 0;
    }
    const bool all = of->is_whole && of->count + c->outlier_count <= allowed;
    const uint32_t apart = all ? of->count : of->lost;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < apart && c->outlier_count < allowed; i++)
        rc = set_apart(x, c, of->row[i]);
    if (rc == 0 && all)
        x->reach->effort = 0;
    of->count = rc == 0 ? 0 : of->count;
    return rc;
}

/* Searches for every row with the codes that will be searched. */
static int reach(struct segment_index *x, const struct index_job *job)
{
    const struct index_kind *kind = segment_index_kind(x);
    int rc = kind->reach ? kind->reach(x->index, job, sealed_codes(x), &x->reach) : 0;
    if (rc == 0 && x->reach)
        rc = tell_apart(x);
    if (rc == 0 && x->reach)
        score_beam_again(&x->resolved, &x->options, x->reach->effort);
    return rc;
}

/* Makes the codes that are searched, and the rows that score again. */
static int finish_codes(struct segment_index *x, const struct index_job *job)
{
    int rc = x->is_resolved ? 0 : resolve(x, job->vectors, job->pause);
    do {
        if (rc == 0)
            rc = make_codes_that_find(x, job->vectors, job->workers, job->pause);
        if (rc == 0)
            rc = reach(x, job);
    } while (rc == 0 && !x->is_accepted);
    return rc;
}

int segment_index_finish(struct segment_index *x, const struct rows *vectors, const struct workers *workers,
                         const struct pause *pause)
{
    const struct index_kind *kind = segment_index_kind(x);
    const struct index_job job = {
        .vectors = vectors, .count = indexed_rows(x), .total = indexed_rows(x), .workers = workers, .pause = pause};
    if (x->sealed || (has_codes(x) && indexed_rows(x) != x->codes.count))
        return -EINVAL;
    int rc = kind->finish ? kind->finish(x->index, &job) : 0;
    if (rc == 0 && has_codes(x)) {
        rc = finish_codes(x, &job);
    } else if (rc == 0) {
        x->resolved = x->options;
        x->is_resolved = true;
    }
    if (rc == 0)
        rc = segment_index_join(x, pause);
    return rc == 0 && !(kind->features & INDEX_EXACT) ? recall_measure(x, vectors, workers, pause) : rc;
}

void segment_index_unfinish(struct segment_index *x, const struct index_options *options)
{
    check(!x->sealed);
    codes_fini(&x->made);
    codes_fini(&x->refine);
    free(x->curve);
    recall_measuring_destroy(x->measuring);
    x->curve = NULL;
    x->measuring = NULL;
    x->is_resolved = x->is_accepted = x->is_planned = false;
    x->options = (struct index_options){.kind = x->options.kind,
                                        .m = x->options.m,
                                        .ef_construct = x->options.ef_construct,
                                        .seed = x->options.seed,
                                        .code = options->code,
                                        .code_bits = options->code_bits,
                                        .refine = options->refine,
                                        .refine_k = options->refine_k,
                                        .links = options->links,
                                        .open = x->options.open};
}
