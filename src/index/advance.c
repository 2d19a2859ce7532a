/* advance.c -- brings an index up to its rows: first codes, because rows with a code are cheap
 * to scan, then the index itself.
 *
 * Codes are trained on the rows there are. They are trained again when there are twice as many
 * rows, or when many rows no longer fit. They are SQ8 where that finds the neighbours of some
 * sample rows, otherwise a finer kind (code_take_finer()). New codes are made beside the old
 * ones, as fast as the pauses allow, and replace them at once; the links stay. A row that is
 * appended gets its code at once, and gives one to an earlier row without a code. So codes keep
 * up with writers, however seldom the background work runs. */
#include "index/recall/recall_measure.h"
#include "index/segment_index_internal.h"

#include <errno.h>

/* training on so many rows is enough: twice as many change nothing */
#define RETRAIN_ROWS_MAX 65536
#define TRAINED_ROWS_MIN 1024 /* codes trained on so many rows describe most later rows */
#define BYTES_PER_PAUSE  (64 * 1024)
#define CATCH_UP         2  /* rows that get a code when one row is appended */
#define QUERIES          16 /* sample rows that new codes are checked with: */
#define CANDIDATES       16 /* among so many nearest rows by code */
/* must be this share of their neighbours. A search of k = 10 scores 32 again, but
 * the rows will double. */
#define RECALL       0.99
#define VALUES_LARGE 1e15f /* beyond this, a distance by codes may overflow */

static bool outgrown(const struct segment_index *x)
{
    const struct codes *c = &x->codes;
    const bool clipped = c->clipped > codes_outliers_allowed(c->count);
    if (c->count == 0 || codes_is_full(c))
        return true;
    if (c->kind == code_to_build_on(x->metric, x->dim).kind && codes_are_lossless(c) && !clipped)
        return false;
    if (c->count >= 2 * (uint64_t)c->trained_rows && c->trained_rows < RETRAIN_ROWS_MAX)
        return true;
    return clipped && c->count > c->trained_rows + c->trained_rows / 4;
}

/* Whether new rows may be coded by the codes as they are. Codes trained on a handful of rows say
 * nothing about later rows. Such rows are scanned by their vectors until new codes exist, which
 * takes a millisecond for so few. */
static bool describes_rows_to_come(const struct segment_index *x)
{
    return !codes_is_full(&x->codes) &&
           (x->codes.trained_rows >= TRAINED_ROWS_MIN || (x->codes.count > 0 && !outgrown(x)));
}

static void retrain_stop(struct segment_index *x)
{
    codes_fini(&x->next);
    codes_check_destroy(x->check);
    x->check = NULL;
    codes_sample_fini(&x->sample);
    x->retrain = RETRAIN_IDLE;
}

static int retrain_start(struct segment_index *x, const struct rows *vectors)
{
    int rc = codes_sample_init(&x->sample, x->dim);
    if (rc < 0)
        return rc;
    codes_sample_trim(&x->sample, vectors, x->rows, x->dim);
    x->sample_next = 0;
    x->sample_rows = x->rows;
    x->retrain = RETRAIN_SAMPLING;
    return 0;
}

/* Begins to encode all rows with codes of that kind. */
static int retrain_as(struct segment_index *x, struct code_type type, const struct rows *vectors,
                      const struct pause *pause)
{
    const struct codes_training training = {
        .sample = &x->sample, .vectors = vectors, .count = x->sample_rows, .pause = pause};
    codes_check_destroy(x->check);
    x->check = NULL;
    codes_fini(&x->next);
    int rc = codes_init(&x->next, type, x->metric, x->dim);
    if (rc == 0)
        rc = codes_train(&x->next, &training);
    if (rc != 0)
        return rc;
    x->next.trained_rows = x->sample_rows;
    x->retrain = RETRAIN_ENCODING;
    return 0;
}

/* Reads all rows. The ranges of a sample would leave out one row in a thousand, which is more
 * outliers than are allowed. */
static int retrain_sample(struct segment_index *x, const struct rows *vectors, const struct pause *pause)
{
    uint32_t pending = 0;
    while (x->sample_next < x->sample_rows) {
        codes_sample_add(&x->sample, rows_at(vectors, x->sample_next), x->dim);
        x->sample_next++;
        pending += x->dim * (uint32_t)sizeof(float) * 4; /* costs four times as much as encoding */
        if (pending >= BYTES_PER_PAUSE) {
            pending = 0;
            int rc = pause_here(pause);
            if (rc != 0)
                return rc;
        }
    }
    return retrain_as(x, code_to_build_on(x->metric, x->dim), vectors, pause);
}

/* Encodes all rows; there may be more after any pause. Ends early when the codes are full. A row
 * is compared with the rows before it, for copies, before it gets a code. */
static int encode(struct segment_index *x, struct codes *codes, const struct rows *vectors, const struct pause *pause)
{
    uint32_t pending = 0;
    while (codes->count < x->rows && !codes_is_full(codes)) {
        int rc = codes->count < x->copies.rows ? 0 : copies_prepare(&x->copies, vectors, x->dim, x->rows, pause);
        if (rc == 0)
            rc = codes_append(codes, rows_at(vectors, codes->count));
        if (rc < 0)
            return rc;
        pending += x->dim * (uint32_t)sizeof(float);
        if (pending >= BYTES_PER_PAUSE) {
            pending = 0;
            rc = pause_here(pause);
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

/* Whether the new codes find the neighbours: 1 or 0, or what the pause returned. */
static int check_next(struct segment_index *x, const struct rows *vectors, const struct pause *pause)
{
    const struct codes *c = &x->next;
    if (c->clipped > codes_outliers_allowed(c->count))
        return 0;
    if (codes_are_lossless(c))
        return 1;
    if (codes_sample_largest(&x->sample, x->dim) > VALUES_LARGE)
        return 0;
    if (!x->check)
        x->check = codes_check_create(&(struct codes_checked){c, NULL, vectors, c->count}, QUERIES);
    if (!x->check)
        return -ENOMEM;
    const int rc = codes_check_run(x->check, NULL, pause);
    return rc != 0 ? rc : codes_check_recall(x->check, CANDIDATES, true) >= RECALL;
}

/* Begins again with a finer kind, as x->next misses neighbours. The values miss none. */
static int retrain_finer(struct segment_index *x, const struct rows *vectors, const struct pause *pause)
{
    struct code_type type = {x->next.kind, x->next.bits};
    check(code_take_finer(&type, x->metric, x->dim));
    return retrain_as(x, type, vectors, pause);
}

/* Encodes all rows with the first kind of code that finds their neighbours. */
static int retrain_codes(struct segment_index *x, const struct rows *vectors, const struct pause *pause)
{
    int rc = encode(x, &x->next, vectors, pause);
    while (rc == 0 && x->retrain != RETRAIN_CHECKED) {
        x->retrain = RETRAIN_CHECKING;
        rc = check_next(x, vectors, pause);
        if (rc == 1) {
            x->retrain = RETRAIN_CHECKED;
            return encode(x, &x->next, vectors, pause); /* rows that were appended meanwhile */
        }
        if (rc == 0)
            rc = retrain_finer(x, vectors, pause);
        if (rc == 0)
            rc = encode(x, &x->next, vectors, pause);
    }
    return rc;
}

/* Makes new codes for all rows and replaces the old ones. */
static int retrain(struct segment_index *x, const struct rows *vectors, const struct pause *pause)
{
    int rc = x->retrain == RETRAIN_IDLE ? retrain_start(x, vectors) : 0;
    if (rc == 0 && x->retrain == RETRAIN_SAMPLING)
        rc = retrain_sample(x, vectors, pause);
    if (rc == 0)
        rc = retrain_codes(x, vectors, pause);
    if (rc == -ENOMEM)
        retrain_stop(x);
    if (rc != 0)
        return rc;
    struct codes old = x->codes;
    x->codes = x->next;
    x->next = (struct codes){0};
    x->epoch++;
    if (segment_index_kind(x)->codes_changed)
        segment_index_kind(x)->codes_changed(x->index);
    codes_fini(&old);
    retrain_stop(x);
    return 0;
}

/* -- unindexed rows: lists are made at the pauses of other work -- */

struct growth {
    struct segment_index *index;
    const struct rows *vectors;
    const struct pause *pause;
};

static struct unindexed_rows unindexed_rows(const struct segment_index *x, const struct rows *vectors)
{
    return (struct unindexed_rows){x->metric, x->dim, vectors, &x->copies, indexed_rows(x), x->codes.count};
}

/* Lists need codes, because rows found in lists are scored by codes. An index that is not
 * searched while it is built has no lists. */
static bool step_unindexed(struct segment_index *x, const struct rows *vectors)
{
    const struct unindexed_rows rows = unindexed_rows(x, vectors);
    return x->is_fed && unindexed_step(&x->unindexed, &rows);
}

static int pause_and_step(void *arg)
{
    struct growth *g = arg;
    const int rc = pause_here(g->pause);
    if (rc == 0)
        (void)step_unindexed(g->index, g->vectors);
    return rc;
}

static int follow_unindexed(struct segment_index *x, const struct rows *vectors, const struct pause *pause)
{
    int rc = 0;
    while (rc == 0 && step_unindexed(x, vectors))
        rc = pause_here(pause);
    return rc;
}

/* Rows to link before the recall is measured. It is measured several times during an import, so
 * that searches meanwhile know the effort that they need. */
static uint32_t next_stop(const struct segment_index *x, uint32_t count)
{
    const uint32_t due = recall_growing_due(x);
    return due > indexed_rows(x) && due < count ? due : count;
}

static int build(struct segment_index *x, const struct rows *vectors, uint32_t count, const struct workers *workers,
                 const struct pause *pause)
{
    struct index_job job = {
        .vectors = vectors, .total = count, .is_fed = x->is_fed, .workers = workers, .pause = pause};
    const bool measures = x->is_fed && has_codes(x) && !(segment_index_features(x) & INDEX_EXACT);
    int rc;
    do {
        job.count = measures ? next_stop(x, count) : count;
        rc = segment_index_kind(x)->build(x->index, &job);
        if (rc == 0 && measures)
            rc = recall_measure_growing(x, vectors, pause);
    } while (rc == 0 && job.count < count);
    return rc;
}

/* Without memory, the rest is left to prepare(). */
static void compare(struct segment_index *x, const struct rows *vectors, uint32_t row)
{
    for (unsigned i = 0; i < CATCH_UP && x->copies.rows <= row; i++)
        if (copies_add(&x->copies, vectors, x->dim) < 0)
            return;
}

static void catch_up(struct codes *codes, const struct copies *copies, const struct rows *vectors, uint32_t row)
{
    for (unsigned i = 0; i < CATCH_UP && codes->count <= row && codes->count < copies->rows && !codes_is_full(codes);
         i++)
        if (codes_append(codes, rows_at(vectors, codes->count)) < 0)
            return;
}

void segment_index_append(struct segment_index *x, const struct rows *vectors, uint32_t row)
{
    if (row >= x->rows)
        x->rows = row + 1;
    if (segment_index_kind(x)->append)
        segment_index_kind(x)->append(x->index, vectors, row);
    if (!has_codes(x))
        return;
    compare(x, vectors, row);
    if (describes_rows_to_come(x))
        catch_up(&x->codes, &x->copies, vectors, row);
    if (x->retrain >= RETRAIN_ENCODING)
        catch_up(&x->next, &x->copies, vectors, row);
    const struct unindexed_rows rows = unindexed_rows(x, vectors);
    x->is_fed = true;
    unindexed_append(&x->unindexed, &rows);
}

uint64_t segment_index_scanned_bytes(const struct segment_index *x)
{
    const struct unindexed_rows rows = unindexed_rows(x, NULL);
    if (!has_codes(x))
        return 0;
    const uint64_t vectors = x->rows > rows.rows ? x->rows - rows.rows : 0;
    return (vectors * sizeof(float) + (x->is_fed ? unindexed_unlisted(&x->unindexed, &rows) : 0)) * x->dim;
}

int segment_index_prepare(struct segment_index *x, const struct rows *vectors, const struct pause *pause)
{
    if (x->sealed || !has_codes(x))
        return 0;
    int rc = copies_prepare(&x->copies, vectors, x->dim, x->rows, pause);
    if (rc == 0 && describes_rows_to_come(x))
        rc = encode(x, &x->codes, vectors, pause);
    while (rc == 0 && x->rows > 0 && (x->retrain != RETRAIN_IDLE || outgrown(x) || x->codes.count < x->rows))
        rc = retrain(x, vectors, pause);
    return rc == 0 ? follow_unindexed(x, vectors, pause) : rc;
}

int segment_index_advance(struct segment_index *x, const struct rows *vectors, uint32_t count,
                          const struct pause *pause)
{
    return segment_index_build(x, vectors, count, NULL, pause);
}

int segment_index_build(struct segment_index *x, const struct rows *vectors, uint32_t count,
                        const struct workers *workers, const struct pause *pause)
{
    if (x->sealed)
        return count <= indexed_rows(x) ? 0 : -EINVAL;
    if (count > INDEX_ROWS_MAX)
        return -EINVAL;
    if (count > x->rows)
        x->rows = count;
    int rc = segment_index_prepare(x, vectors, pause);
    struct growth growth = {x, vectors, pause};
    const struct pause stepping = {pause_and_step, &growth};
    if (rc == 0)
        rc = build(x, vectors, count, workers, &stepping);
    return rc == 0 ? follow_unindexed(x, vectors, pause) : rc;
}
