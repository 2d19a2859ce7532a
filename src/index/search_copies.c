/* search_copies.c -- adds copies of rows that were found. A walk and the lists find leaders
 * (copies.h); their copies are hits too, at the same distance.
 *
 * Copies are added at the end, when the distances are final. So 6 000 equal rows are one
 * candidate to score again, and do not push other rows out. A copy that was scanned is not
 * added a second time. */
#include "index/search.h"

#include "base/bits.h"
#include <errno.h>
#include <string.h>

#define BATCH           32
#define WORDS_PER_PAUSE 4096
#define ROWS_PER_PAUSE  1024
#define BYTES_PER_PAUSE (64 * 1024)

static bool is_scanned(const struct unseen *u, uint32_t row)
{
    return (row >= u->from && row < u->to) || (row >= u->unindexed_from && row < u->unindexed_to);
}

static bool is_allowed(const struct search *s, uint32_t row)
{
    return !s->params->allowed || bits_test(s->params->allowed, row);
}

#define COPIES_PER_PAUSE 2048  /* about 20 us */
#define COPIES_LOOKED_AT 65536 /* where it cannot pause */

/* The copies of one leader that are hits and were not scanned, one after the other. A filter may
 * leave out all of a million copies, so going through them pauses. */
struct hits_of {
    const struct search *s;
    const struct unseen *u;
    uint32_t leader;
    uint32_t copy; /* the current hit; UINT32_MAX: the end */
    uint32_t seen; /* copies looked at so far */
    uint32_t most; /* ends after so many copies; 0: pauses instead */
};

/* Goes on to the first hit from `copy` on. 0, or what the pause returned. */
static int find_hit(struct hits_of *h, uint32_t copy)
{
    const struct copies *c = &h->s->x->copies;
    int rc = 0;
    while (rc == 0 && copy < h->u->visible && (is_scanned(h->u, copy) || !is_allowed(h->s, copy))) {
        copy = copies_next(c, h->leader, copy);
        if (h->most && h->seen >= h->most)
            copy = UINT32_MAX;
        if (++h->seen % COPIES_PER_PAUSE == 0 && !h->most)
            rc = pause_here(h->s->params->pause);
    }
    h->copy = rc == 0 && copy < h->u->visible ? copy : UINT32_MAX;
    return rc;
}

static int first_hit(struct hits_of *h)
{
    const struct copies *c = &h->s->x->copies;
    h->copy = UINT32_MAX;
    /* an absent leader is scanned, and so are its copies */
    return copies_entry(c, h->leader) & ABSENT_FLAG ? 0 : find_hit(h, copies_first(c, h->leader));
}

static int next_hit(struct hits_of *h)
{
    return find_hit(h, copies_next(&h->s->x->copies, h->leader, h->copy));
}

bool search_has_enough(const struct search *s, const struct unseen *u, const struct topk *top)
{
    const uint32_t enough = s->k < s->allowed ? s->k : s->allowed;
    struct hits_of h = {.s = s, .u = u, .most = COPIES_LOOKED_AT};
    uint32_t n = 0;
    if (!s->params->allowed && top->count >= enough)
        return true;
    for (uint32_t i = 0; n < enough && i < top->count; i++) {
        h.leader = top->hits[i].row;
        n += is_allowed(s, h.leader);
        for (ignore_result(first_hit(&h)); n < enough && h.copy != UINT32_MAX; ignore_result(next_hit(&h)))
            n++;
    }
    return n >= enough;
}

/* Adds a leader and its copies. Without keys, copies ascend, so the first that is not among the
 * best ends the loop. With keys, any copy may be among the best. */
static int add_group(struct search *s, const struct unseen *u, struct hit leader)
{
    struct hits_of h = {.s = s, .u = u, .leader = leader.row};
    uint32_t added = 0;
    if (is_allowed(s, leader.row))
        topk_add(&s->found, leader.distance, leader.row);
    int rc = first_hit(&h);
    while (rc == 0 && h.copy != UINT32_MAX) {
        const struct hit worst = s->found.hits[0];
        if (s->found.count == s->found.k &&
            (worst.distance < leader.distance ||
             (worst.distance == leader.distance && worst.row < h.copy && !s->found.keys)))
            return 0;
        topk_add(&s->found, leader.distance, h.copy);
        rc = ++added % COPIES_PER_PAUSE ? 0 : pause_here(s->params->pause);
        if (rc == 0)
            rc = next_hit(&h);
    }
    return rc;
}

int search_add_copies(struct search *s, const struct unseen *u)
{
    struct hit *leaders = s->scratch->hits;
    const uint32_t n = s->found.count;
    int rc = 0;
    if (s->x->copies.next_rows == 0)
        return 0;
    topk_sort(&s->found);
    memcpy(leaders, s->found.hits, n * sizeof(*leaders));
    topk_clear(&s->found);
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        rc = add_group(s, u, leaders[i]);
        if (rc == 0)
            rc = pause_here(s->params->pause);
    }
    return rc;
}

int search_leaders(struct search *s)
{
    const struct copies *c = &s->x->copies;
    struct search_scratch *w = s->scratch;
    const struct unseen none = {.visible = s->count};
    uint64_t pending = 0;
    int rc = scratch_reserve(w, 0, 0, 0, s->k);
    for (uint32_t from = 0, n; rc == 0 && from < c->leader_count; from += n) {
        n = c->leader_count - from < BATCH ? c->leader_count - from : BATCH;
        for (uint32_t i = 0; i < n; i++)
            w->rows[i] = rows_at(s->vectors, c->leader[from + i]);
        vectors_distances(s->x->metric, s->query, w->rows, n, s->x->dim, w->distances);
        for (uint32_t i = 0; i < n; i++)
            if (w->distances[i] <= topk_bound(&s->found))
                topk_add(&s->found, w->distances[i], c->leader[from + i]);
        pending += (uint64_t)n * s->vectors->stride;
        if (pending >= BYTES_PER_PAUSE) {
            pending = 0;
            rc = pause_here(s->params->pause);
        }
    }
    return rc == 0 ? search_add_copies(s, &none) : rc;
}

int search_scan_absent(const struct search *s, const struct codes_query *query, struct topk *top)
{
    const uint64_t *absent = s->x->copies.absent_rows, *allowed = s->params->allowed;
    struct search_scratch *w = s->scratch;
    const size_t words = absent ? bits_words(s->count) : 0;
    uint32_t n = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < words; i++) {
        for (uint64_t word = allowed ? absent[i] & allowed[i] : absent[i]; word; word &= word - 1) {
            w->ids[n++] = (uint32_t)(64 * i) + (uint32_t)__builtin_ctzll(word);
            if (n == BATCH || (n > 0 && (word & (word - 1)) == 0)) {
                codes_distances(query, w->ids, n, w->rows, w->distances);
                for (uint32_t j = 0; j < n; j++)
                    topk_add(top, w->distances[j], w->ids[j]);
                n = 0;
            }
        }
        if (i % WORDS_PER_PAUSE == WORDS_PER_PAUSE - 1)
            rc = pause_here(s->params->pause);
    }
    return rc;
}

static int leads_a_hit(const struct search *s, const struct unseen *u, uint32_t row, bool *ret)
{
    const struct copies *c = &s->x->copies;
    struct hits_of h = {.s = s, .u = u, .leader = row, .copy = UINT32_MAX};
    int rc = 0;
    if (copies_entry(c, row) && copies_is_linked(c, row) && !is_allowed(s, row))
        rc = first_hit(&h);
    *ret = h.copy != UINT32_MAX;
    return rc;
}

int search_scan_leaders(const struct search *s, const struct unseen *u, const struct codes_query *query,
                        struct topk *top)
{
    const uint32_t epoch = s->x->epoch;
    const uint32_t to = s->x->copies.next_rows < u->to ? s->x->copies.next_rows : u->to;
    struct search_scratch *w = s->scratch;
    int rc = 0;
    for (uint32_t row = u->from; rc == 0 && row < to; row++) {
        bool leads;
        rc = leads_a_hit(s, u, row, &leads);
        if (rc == 0 && leads && epoch == s->x->epoch) {
            codes_distances(query, &row, 1, w->rows, w->distances);
            topk_add(top, w->distances[0], row);
        }
        if (rc == 0 && row % ROWS_PER_PAUSE == ROWS_PER_PAUSE - 1)
            rc = pause_here(s->params->pause);
        if (rc == 0 && epoch != s->x->epoch)
            rc = -EAGAIN;
    }
    return rc;
}
