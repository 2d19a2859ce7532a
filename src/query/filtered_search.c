/* filtered_search.c -- plans a filtered search of one segment and carries the plan out. A plan uses
 * estimates. After the rows that pass are selected, their number is known; if it is far from the
 * estimate, the choice between scan and walk is made again. */
#include "query/filtered_search.h"
#include "base/memory.h"

#include <stdlib.h>

#define HITS_PER_PAUSE 256
/* An estimate is far off if the true number is more than so many times larger or smaller. */
#define FAR_OFF 2

void filter_scratch_fini(struct filter_scratch *x)
{
    free(x->hits);
    free(x->passing);
}

uint64_t filter_scratch_bytes(const struct filter_scratch *x)
{
    return x->hits_max * sizeof(*x->hits) + x->passing_max * sizeof(*x->passing);
}

int filter_scratch_hits(struct filter_scratch *x, uint32_t hits)
{
    return memory_grow(&x->hits, &x->hits_max, hits, sizeof(*x->hits));
}

/* -- planning -- */

static struct search_params params_of(const struct filtered_search *s, enum search_way way, uint32_t k)
{
    struct search_params params = s->params;
    params.way = way;
    params.k = k;
    params.ef = params.ef && params.ef < k ? k : params.ef;
    return params;
}

static double cost_ns(const void *arg, enum search_way way, uint32_t k, uint32_t allowed)
{
    const struct filtered_search *s = arg;
    struct search_params params = params_of(s, way, k);
    struct search_work work = {0};
    params.allowed = NULL; /* which rows pass is not known yet */
    params.allowed_count = allowed;
    if (allowed)
        segment_index_work(s->index, s->rows->rows, &params, &work);
    return index_cost_ns(s->cost, &work);
}

static struct plan_facts facts_of(const struct filtered_search *s)
{
    return (struct plan_facts){.rows = s->rows->rows,
                               .alive = s->params.allowed_count,
                               .k = s->params.k,
                               .exact = s->params.exact,
                               .has_columns = filter_has_columns(s->filter, s->rows),
                               .retried = s->cost->retried,
                               .cost_ns = cost_ns,
                               .arg = s};
}

struct plan filtered_search_plan(const struct filtered_search *s)
{
    const struct plan_facts facts = facts_of(s);
    const struct cardinality c = filter_estimate(s->filter, s->rows);
    return plan_choose(&facts, &c);
}

struct plan filtered_search_plan_of(const struct filtered_search *s, enum plan_kind kind)
{
    const struct plan_facts facts = facts_of(s);
    const struct cardinality c = filter_estimate(s->filter, s->rows);
    return plan_of(kind, &facts, &c);
}

/* -- searching -- */

static int search(const struct filtered_search *s, const struct search_params *params)
{
    return segment_index_search(s->index, s->vectors, s->rows->rows, s->query, params, s->scratch,
                                s->filter_scratch->hits);
}

static void note_other(const struct filtered_search *s, double ns)
{
    if (s->params.work)
        s->params.work->other_ns += ns;
}

/* Sets the bits of filter_scratch->passing for the alive rows that pass. */
static int select_rows(const struct filtered_search *s, uint32_t *ret_count)
{
    const uint32_t words = (uint32_t)bits_words(s->rows->rows);
    int rc = memory_grow(&s->filter_scratch->passing, &s->filter_scratch->passing_max, words + 1, sizeof(uint64_t));
    if (rc < 0)
        return rc;
    struct row_set set = {s->filter_scratch->passing, s->rows->rows};
    row_set_clear(&set);
    rc = filter_select(s->filter, s->rows, &set, s->params.pause);
    for (uint32_t i = 0; s->params.allowed && i < words; i++)
        set.bits[i] &= s->params.allowed[i];
    *ret_count = row_set_count(&set);
    return rc == 0 && s->rows->failed ? *s->rows->failed : rc;
}

/* Selects the rows that pass and searches them. is_planned: by plan->kind; else the kind is chosen
 * now, because too few hits of a walk have passed. */
static int search_selected(const struct filtered_search *s, struct plan *plan, bool is_planned)
{
    const struct plan_facts facts = facts_of(s);
    const double expected = plan->rows.expected;
    uint32_t matches;
    const int rc = select_rows(s, &matches);
    if (rc < 0 || matches == 0)
        return rc;
    if (!is_planned || matches > FAR_OFF * expected || FAR_OFF * matches < expected)
        plan->kind = plan_of_selected(&facts, matches);
    note_other(s, plan_select_ns(&facts, matches));
    struct search_params params =
        params_of(s, plan->kind == PLAN_FILTERED_WALK ? SEARCH_WALKS : SEARCH_SCANS, s->params.k);
    params.allowed = s->filter_scratch->passing;
    params.allowed_count = matches;
    return search(s, &params);
}

/* Keeps the first k hits that pass. Returns how many there are. */
static int keep_passing(const struct filtered_search *s, uint32_t count)
{
    struct hit *hits = s->filter_scratch->hits;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count && kept < s->params.k; i++) {
        if (filter_test(s->filter, s->rows, hits[i].row))
            hits[kept++] = hits[i];
        const int rc = i % HITS_PER_PAUSE == HITS_PER_PAUSE - 1 ? pause_here(s->params.pause) : 0;
        if (rc != 0)
            return rc;
    }
    return s->rows->failed && *s->rows->failed ? *s->rows->failed : (int)kept;
}

/* Searches without the filter and tests the hits. If fewer than k pass, other rows may pass. */
static int search_and_test(const struct filtered_search *s, uint32_t wanted)
{
    const struct plan_facts facts = facts_of(s);
    const struct search_params params = params_of(s, SEARCH_AS_IS_CHEAP, wanted);
    int n = filter_scratch_hits(s->filter_scratch, wanted);
    if (n == 0)
        n = search(s, &params);
    if (n <= 0)
        return n;
    note_other(s, plan_test_ns(&facts, (uint32_t)n));
    return keep_passing(s, (uint32_t)n);
}

int filtered_search_run(const struct filtered_search *s, struct plan *plan)
{
    int n = filter_scratch_hits(s->filter_scratch, s->params.k);
    if (n < 0 || plan->rows.max == 0)
        return n;
    if (plan->kind != PLAN_WALK_THEN_TEST)
        return search_selected(s, plan, true);
    n = search_and_test(s, plan->wanted);
    const bool again = n >= 0 && (uint32_t)n < s->params.k;
    if (n >= 0)
        index_cost_note_tested(s->cost, again);
    return again ? search_selected(s, plan, false) : n;
}
