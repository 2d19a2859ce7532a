/* run.c -- plans are made of estimates. Where the rows that pass are selected their number is known
 * before they are searched, and where it is far from the estimate the choice is made again. */
#include "query/run.h"

#include <errno.h>
#include <stdlib.h>

#define HITS_PER_PAUSE 256
#define FAR_OFF        2 /* times as many rows as expected, or as few */

void run_room_fini(struct run_room *room)
{
    free(room->hits);
    free(room->passing);
}

uint64_t run_room_bytes(const struct run_room *room)
{
    return room->hits_max * sizeof(*room->hits) + room->passing_max * sizeof(*room->passing);
}

static int grow(void *pointer, uint32_t *have, uint32_t need, size_t size)
{
    void **p = pointer;
    if (need <= *have)
        return 0;
    void *grown = realloc(*p, need * size);
    if (!grown)
        return -ENOMEM;
    *p = grown;
    *have = need;
    return 0;
}

int run_room_hits(struct run_room *room, uint32_t hits)
{
    return grow(&room->hits, &room->hits_max, hits, sizeof(*room->hits));
}

/* -- planning -- */

static struct search_params params_of(const struct run *r, enum search_way way, uint32_t k)
{
    struct search_params params = r->params;
    params.way = way;
    params.k = k;
    params.ef = params.ef && params.ef < k ? k : params.ef;
    return params;
}

static double cost_ns(const void *arg, enum search_way way, uint32_t k, uint32_t allowed)
{
    const struct run *r = arg;
    struct search_params params = params_of(r, way, k);
    struct search_work work = {0};
    params.allowed = NULL; /* it is not known which */
    params.allowed_count = allowed;
    if (allowed)
        segment_index_work(r->index, r->rows->rows, &params, &work);
    return index_cost_ns(r->cost, &work);
}

static struct plan_facts facts_of(const struct run *r)
{
    return (struct plan_facts){.rows = r->rows->rows,
                               .alive = r->params.allowed_count,
                               .k = r->params.k,
                               .exact = r->params.exact,
                               .has_columns = filter_has_columns(r->filter, r->rows),
                               .retried = r->cost->retried,
                               .cost_ns = cost_ns,
                               .arg = r};
}

struct plan run_plan(const struct run *r)
{
    const struct plan_facts facts = facts_of(r);
    const struct cardinality c = filter_estimate(r->filter, r->rows);
    return plan_choose(&facts, &c);
}

struct plan run_plan_of(const struct run *r, enum plan_kind kind)
{
    const struct plan_facts facts = facts_of(r);
    const struct cardinality c = filter_estimate(r->filter, r->rows);
    return plan_of(kind, &facts, &c);
}

/* -- doing -- */

static int search(const struct run *r, const struct search_params *params)
{
    return segment_index_search(r->index, r->vectors, r->rows->rows, r->query, params, r->scratch, r->room->hits);
}

static void note_other(const struct run *r, double ns)
{
    if (r->params.work)
        r->params.work->other_ns += ns;
}

/* Makes room->passing the rows that pass, of those that are alive. */
static int select_rows(const struct run *r, uint32_t *ret_count)
{
    const uint32_t words = (uint32_t)bits_words(r->rows->rows);
    int rc = grow(&r->room->passing, &r->room->passing_max, words + 1, sizeof(uint64_t));
    if (rc < 0)
        return rc;
    struct row_set set = {r->room->passing, r->rows->rows};
    row_set_clear(&set);
    rc = filter_select(r->filter, r->rows, &set, r->params.pause);
    for (uint32_t i = 0; r->params.allowed && i < words; i++)
        set.bits[i] &= r->params.allowed[i];
    *ret_count = row_set_count(&set);
    return rc == 0 && r->rows->failed ? *r->rows->failed : rc;
}

/* is_planned: as plan->kind says; else it is chosen now, as hits were tested in vain. */
static int search_selected(const struct run *r, struct plan *plan, bool is_planned)
{
    const struct plan_facts facts = facts_of(r);
    const double expected = plan->rows.expected;
    uint32_t matches;
    const int rc = select_rows(r, &matches);
    if (rc < 0 || matches == 0)
        return rc;
    if (!is_planned || matches > FAR_OFF * expected || FAR_OFF * matches < expected)
        plan->kind = plan_of_selected(&facts, matches);
    note_other(r, plan_select_ns(&facts, matches));
    struct search_params params =
        params_of(r, plan->kind == PLAN_FILTERED_WALK ? SEARCH_WALKS : SEARCH_SCANS, r->params.k);
    params.allowed = r->room->passing;
    params.allowed_count = matches;
    return search(r, &params);
}

/* Keeps those hits that pass, up to k. Returns how many. */
static int keep_passing(const struct run *r, uint32_t count)
{
    struct hit *hits = r->room->hits;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count && kept < r->params.k; i++) {
        if (filter_test(r->filter, r->rows, hits[i].row))
            hits[kept++] = hits[i];
        const int rc = i % HITS_PER_PAUSE == HITS_PER_PAUSE - 1 ? pause_here(r->params.pause) : 0;
        if (rc != 0)
            return rc;
    }
    return r->rows->failed && *r->rows->failed ? *r->rows->failed : (int)kept;
}

/* Fewer than k: there may be others. */
static int search_and_test(const struct run *r, uint32_t wanted)
{
    const struct plan_facts facts = facts_of(r);
    const struct search_params params = params_of(r, SEARCH_AS_IS_CHEAP, wanted);
    int n = run_room_hits(r->room, wanted);
    if (n == 0)
        n = search(r, &params);
    if (n <= 0)
        return n;
    note_other(r, plan_test_ns(&facts, (uint32_t)n));
    return keep_passing(r, (uint32_t)n);
}

int run_filtered(const struct run *r, struct plan *plan)
{
    int n = run_room_hits(r->room, r->params.k);
    if (n < 0 || plan->rows.max == 0)
        return n;
    if (plan->kind != PLAN_WALK_THEN_TEST)
        return search_selected(r, plan, true);
    n = search_and_test(r, plan->wanted);
    const bool again = n >= 0 && (uint32_t)n < r->params.k;
    if (n >= 0)
        index_cost_note_tested(r->cost, again);
    return again ? search_selected(r, plan, false) : n;
}
