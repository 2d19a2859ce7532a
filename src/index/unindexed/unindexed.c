/* unindexed.c -- decides when lists are made, filled and dropped. The lists themselves are
 * in unindexed_lists.c. */
#include "index/unindexed/unindexed.h"

#include "vectors/codes/rotation.h"

#include <errno.h>
#include <math.h>

/* scanning fewer rows takes no longer than choosing among them would */
#define ROWS_MIN_LISTED 1024
#define VALUES_PER_STEP 2048 /* of rows that one step puts into lists */
#define ROWS_PER_STEP   8
#define CATCH_UP        2 /* rows put into lists when one row is appended */
#define GROWTH          3
#define LARGEST_SHARE   32 /* a list with more than 1/32 of the rows is too large, */
#define LARGEST_ROWS    512
/* but only when there are so many times the rows that the centroids were made from */
#define LARGEST_GROWTH 1.5

/* A search that keeps EF candidates looks at up to BUDGET_ROWS rows of lists, and at 1 in
 * BUDGET_SHARE of all. It looks at fewer when there are fewer rows, or more dimensions, because
 * lists then tell more. If no row is indexed, recall@10 is then .965 for word vectors, and .985
 * or more for other data (bench/unindexed). Searches that ask for a recall look at more rows
 * where lists tell less (unindexed_need.h). */
#define BUDGET_ROWS  18000
#define BUDGET_HALF  16000 /* with so many rows, half of BUDGET_ROWS */
#define BUDGET_DIMS  128
#define BUDGET_SHARE 32
/* all rows are looked at whose 1-bit codes together take no more: about 30 us */
#define BUDGET_BYTES (384 * 1024)
#define EF           64
#define EF_MIN       24

void unindexed_fini(struct unindexed *t)
{
    unindexed_lists_destroy(t->lists);
    unindexed_lists_destroy(t->next);
    unindexed_lists_destroy(t->old);
    unindexed_training_destroy(t->training);
    unindexed_needing_destroy(t->needing);
    *t = (struct unindexed){0};
}

static uint64_t lists_bytes(const struct unindexed_lists *l)
{
    return l ? l->bytes + codes_bytes(&l->centroids) : 0;
}

uint64_t unindexed_bytes(const struct unindexed *t)
{
    return lists_bytes(t->lists) + lists_bytes(t->next) + lists_bytes(t->old) + unindexed_training_bytes(t->training) +
           unindexed_needing_bytes(t->needing);
}

uint32_t unindexed_budget(uint32_t dim, uint32_t rows, double ef)
{
    const double n = rows, scale = sqrt((double)BUDGET_DIMS / rotation_dims(dim));
    const double few = BUDGET_ROWS * scale * n / (n + BUDGET_HALF * scale);
    const double budget = (few + n / BUDGET_SHARE) * (ef > EF_MIN ? ef : EF_MIN) / EF;
    const double least = fmin(n, (double)BUDGET_BYTES / (rotation_dims(dim) / 8));
    return (uint32_t)fmin(fmax(budget, least), UINT32_MAX);
}

/* Puts up to n rows into lists. False: there is no memory now. */
static bool put_in(struct unindexed_lists *l, const struct unindexed_rows *r, uint32_t n)
{
    if (l->to < r->graphed)
        l->to = r->graphed;
    for (; n > 0 && l->to < r->rows; n--)
        if (copies_is_copy(r->copies, l->to))
            l->to++;
        else if (unindexed_lists_add(l, rows_at(r->vectors, l->to)) < 0)
            return false;
    return true;
}

void unindexed_append(struct unindexed *t, const struct unindexed_rows *r)
{
    if (t->lists)
        (void)put_in(t->lists, r, CATCH_UP);
    if (t->next)
        (void)put_in(t->next, r, CATCH_UP);
}

static bool outgrown(const struct unindexed_lists *l, uint32_t unbuilt)
{
    const uint64_t trained = l->trained_rows, put_in_rows = l->to - l->from;
    return unbuilt >= GROWTH * trained || ((double)put_in_rows >= LARGEST_GROWTH * (double)trained &&
                                           l->largest > LARGEST_ROWS && l->largest > unbuilt / LARGEST_SHARE);
}

/* Runs a step of training. False: there is no memory now; rows are scanned. */
static bool train(struct unindexed *t, const struct unindexed_rows *r)
{
    const int rc = unindexed_training_step(t->training, r->vectors, &t->next);
    if (rc == 1)
        return true;
    unindexed_training_destroy(t->training);
    t->training = NULL;
    return rc == 0;
}

static bool start(struct unindexed *t, const struct unindexed_rows *r)
{
    t->training = unindexed_training_create(r->metric, r->dim, r->graphed, r->rows);
    return t->training;
}

static void replace(struct unindexed *t, struct unindexed_lists *by)
{
    unindexed_lists_destroy(t->old); /* rarely still there: it was freed in the steps since */
    t->old = t->lists;
    if (t->old)
        t->old->trim = 0;
    t->lists = by;
    t->version++;
    unindexed_needing_destroy(t->needing); /* the measurement of the lists that are replaced */
    t->needing = by ? unindexed_needing_create(by) : NULL;
}

uint32_t unindexed_unlisted(const struct unindexed *t, const struct unindexed_rows *r)
{
    const uint32_t listed = t->lists && t->lists->to > r->graphed ? t->lists->to : r->graphed;
    const bool wanted = t->lists || r->rows - r->graphed >= ROWS_MIN_LISTED;
    return wanted && r->rows > listed ? r->rows - listed : 0;
}

static uint32_t rows_per_step(uint32_t dim)
{
    const uint32_t rows = VALUES_PER_STEP / dim;
    return rows < 1 ? 1 : rows < ROWS_PER_STEP ? rows : ROWS_PER_STEP;
}

/* Puts rows into the next lists. False: there is no memory now. */
static bool fill_next(struct unindexed *t, const struct unindexed_rows *r)
{
    if (!put_in(t->next, r, rows_per_step(r->dim)))
        return false;
    if (t->next->to >= r->rows) {
        replace(t, t->next);
        t->next = NULL;
    }
    return true;
}

static void drop(struct unindexed *t)
{
    unindexed_training_destroy(t->training);
    unindexed_lists_destroy(t->next);
    t->training = NULL;
    t->next = NULL;
    replace(t, NULL);
}

/* Frees some blocks of the old lists. Thousands of blocks at once would take too long. */
static void free_old(struct unindexed *t)
{
    (void)unindexed_lists_trim(t->old, UINT32_MAX);
    if (t->old->trim != 0)
        return;
    unindexed_lists_destroy(t->old);
    t->old = NULL;
}

/* Runs a step of the measurement. Without memory for it, searches go by the budget alone. */
static void measure_need(struct unindexed *t, const struct unindexed_rows *r)
{
    if (unindexed_needing_step(t->needing, t->lists, r->vectors, r->copies) == 1)
        return;
    unindexed_needing_destroy(t->needing);
    t->needing = NULL;
}

bool unindexed_step(struct unindexed *t, const struct unindexed_rows *r)
{
    const uint32_t unbuilt = r->rows - r->graphed;
    if (t->old) {
        free_old(t);
        return true;
    }
    if (unbuilt < ROWS_MIN_LISTED / 2 && (t->lists || t->next || t->training)) {
        drop(t);
        return true;
    }
    if (t->lists && t->lists->to < r->rows)
        return put_in(t->lists, r, rows_per_step(r->dim));
    if (t->needing) {
        measure_need(t, r);
        return true;
    }
    if (t->next)
        return fill_next(t, r);
    if (t->training)
        return train(t, r);
    if (unbuilt >= ROWS_MIN_LISTED && (!t->lists || outgrown(t->lists, unbuilt)))
        return start(t, r);
    return t->lists && unindexed_lists_trim(t->lists, r->graphed) > 0;
}
