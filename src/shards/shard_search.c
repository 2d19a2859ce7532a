/* shard_search.c -- one query over the segments that are this reactor's part of the search.
 *
 * Writes and merges go on while a search pauses. A search holds the segments with which it begins.
 * Then it searches the segments that came meanwhile. The growing segment comes last. A point that
 * is written again moves from an old segment to the growing one, so the search meets it at least
 * once. If it meets the point twice, the old row is dead at the end, and is dropped then. A row
 * that a merge has moved is looked up where it is now (segment_alive()). */
#include "base/log.h"
#include "query/filtered_search.h"
#include "shards/segment/segment_filter.h"
#include "shards/segment/segment_pages.h"
#include "shards/shard.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORKSPACES_KEPT     64
#define WORKSPACES_KEPT_FEW 4 /* while memory is scarce */

struct search_hit {
    struct hit hit;
    const struct segment *segment;
    bool stays; /* the hit is kept though its row may die (find_alive()) */
    bool full;  /* its segment gave as many hits as were asked for, and has more rows */
};

#define AGAIN_MAX 3 /* repeated searches because of rows that died */

/* -- the pool of workspaces -- */

static void workspace_destroy(struct search_workspace *r)
{
    search_scratch_destroy(r->scratch);
    free(r->segments);
    free(r->all);
    free(r->query);
    free(r->alive);
    filter_scratch_fini(&r->filter);
    free(r);
}

void search_workspaces_destroy(struct search_workspace *workspaces)
{
    while (workspaces) {
        struct search_workspace *next = workspaces->next;
        workspace_destroy(workspaces);
        workspaces = next;
    }
}

uint64_t search_workspaces_bytes(const struct search_workspace *workspaces)
{
    uint64_t bytes = 0;
    for (const struct search_workspace *r = workspaces; r; r = r->next)
        bytes += sizeof(*r) + search_scratch_bytes(r->scratch) + r->segments_max * sizeof(*r->segments) +
                 r->all_max * sizeof(*r->all) + r->query_max * sizeof(*r->query) + r->alive_max * sizeof(*r->alive) +
                 filter_scratch_bytes(&r->filter);
    return bytes;
}

static struct search_workspace *workspace_acquire(struct store *store)
{
    struct search_workspace *r = store->workspaces;
    if (r) {
        store->workspaces = r->next;
        store->workspaces_kept--;
        return r;
    }
    r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->scratch = search_scratch_create();
    if (!r->scratch) {
        free(r);
        return NULL;
    }
    return r;
}

static uint32_t workspaces_max(const struct store *store)
{
    return store->memory.pressure >= MEMORY_POOLS_SMALL ? WORKSPACES_KEPT_FEW : WORKSPACES_KEPT;
}

void search_workspaces_trim(struct store *store)
{
    while (store->workspaces_kept > workspaces_max(store)) {
        struct search_workspace *r = store->workspaces;
        store->workspaces = r->next;
        store->workspaces_kept--;
        workspace_destroy(r);
    }
}

static void workspace_release(struct store *store, struct search_workspace *r)
{
    if (store->workspaces_kept >= workspaces_max(store)) {
        workspace_destroy(r);
        return;
    }
    store->workspaces_kept++;
    r->next = store->workspaces;
    store->workspaces = r;
}

/* -- the search -- */

struct search {
    struct shard *shard;
    const struct shard_query *query;
    struct search_workspace *workspace;
    const float *vector; /* the query, normalised for cosine */
    /* ef in segments without a recall curve; 0: not known */
    uint32_t unmeasured_ef;
    uint32_t segments; /* how many are held, in workspace->segments */
    uint32_t count;    /* how many hits are in workspace->all */
    /* segments came while it ran: their rows may have been found already */
    bool moved;
    bool lost;       /* a hit has died that kept another row of its segment out */
    uint64_t ran_ns; /* of its fiber, when it began or its last segment was done */
};

static int search_pause(void *arg)
{
    struct search *x = arg;
    fiber_checkpoint();
    if (shard_damage(x->shard)) /* the rows that were read may be zeros */
        return -EBADMSG;
    return x->shard->gate.closed ? -ECANCELED : context_check(x->query->ctx);
}

/* With cosine, a query of length zero stays zero: it is equally far from all rows. */
static int prepare(struct search *x)
{
    uint32_t dim = shard_vector(x->shard)->dim;
    x->vector = x->query->vector;
    if (shard_vector(x->shard)->metric != METRIC_COSINE)
        return 0;
    int rc = memory_grow(&x->workspace->query, &x->workspace->query_max, dim, sizeof(float));
    if (rc < 0)
        return rc;
    memcpy(x->workspace->query, x->query->vector, dim * sizeof(float));
    (void)vectors_normalise(x->workspace->query, dim);
    x->vector = x->workspace->query;
    return 0;
}

/* The rows that may be found: those that are alive now; NULL: all. Of a growing segment the bits
 * are copied. A point that is written again during its search gets a new row behind the rows that
 * are searched, so its old row must stay a hit. In other segments no copy is needed: the new row is
 * in a segment that is searched later. */
static int find_alive(struct search *x, const struct segment *g, const uint64_t **ret)
{
    uint32_t words = (uint32_t)bits_words(g->rows.count);
    *ret = g->rows.dead ? g->rows.alive : NULL;
    if (g->state != SEGMENT_GROWING || !g->rows.dead)
        return 0;
    int rc = memory_grow(&x->workspace->alive, &x->workspace->alive_max, words, sizeof(uint64_t));
    if (rc < 0)
        return rc;
    memcpy(x->workspace->alive, g->rows.alive, words * sizeof(uint64_t));
    *ret = x->workspace->alive;
    return 0;
}

/* The ef for segments that were not measured: that of the largest sealed segment, because its rows
 * are taken to be like theirs. Segments that are not searched any more are left out: the reactor
 * that owns their index may have freed it. */
static uint32_t unmeasured_ef(const struct shard *s, const struct shard_query *query)
{
    const struct segment *largest = NULL;
    for (uint32_t i = 0; query->recall > 0 && !query->ef && i < s->segment_count; i++) {
        const struct segment *g = s->segments[i];
        if (g && g->state == SEGMENT_SEALED && g->searched && g->vectors[0].index &&
            (!largest || g->rows.count > largest->rows.count))
            largest = g;
    }
    return largest ? segment_index_ef(largest->vectors[0].index, query->recall, query->k) : 0;
}

/* The segment's rows belong to one reactor, which owns one in so many slots of the
 * collection; 0: not known. */
static uint32_t segment_parts(const struct shard *s, const struct segment *g)
{
    const struct store_options *o = &s->store->options;
    const bool sealed = g->state == SEGMENT_SEALED;
    return slot_parts(s->config.slots, sealed ? g->owners : o->reactors, sealed ? g->owner : o->reactor);
}

/* The index has read pages with wrong checksums. */
static void note_damage(struct shard *s, const struct segment_pages *pages)
{
    struct error damage;
    segment_pages_damage(pages, &damage);
    if (!shard_damage(s)) {
        log_error("%s", damage.text);
        shard_set_damage(s, &damage);
    }
}

/* -- one segment -- */

/* Of all rows that are alive now. */
static struct search_params params_of(const struct shard *s, const struct shard_query *query, const struct segment *g,
                                      uint32_t unmeasured_ef)
{
    return (struct search_params){.k = query->k < g->rows.count ? query->k : g->rows.count,
                                  .ef = query->ef,
                                  .recall = query->recall,
                                  .ef_unmeasured = unmeasured_ef,
                                  .effort = recall_effort(&s->effort),
                                  .parts = segment_parts(s, g),
                                  .refine_k = query->refine_k,
                                  .exact = query->exact,
                                  .keys = &g->rows.ids.at,
                                  .allowed_count = g->rows.count - g->rows.dead};
}

/* The search of one segment, with its rows as they were when it began: rows are appended
 * while the search pauses. */
struct segment_search {
    struct segment *segment;
    uint32_t rows, k;
    struct search_params params;
    struct pause pause;
};

/* Writes hits to workspace->filter.hits, for which there is room. */
static int ask_index(struct search *x, const struct segment_search *t)
{
    const struct segment_vectors *v = &t->segment->vectors[0];
    return segment_index_search(v->index, &v->values.at, t->rows, x->vector, &t->params, x->workspace->scratch,
                                x->workspace->filter.hits);
}

static struct filtered_search filtered_search_of(struct segment_vectors *v, const struct shard_query *query,
                                                 struct segment_filter *f, const struct search_params *params)
{
    return (struct filtered_search){.filter = query->filter,
                                    .rows = &f->rows,
                                    .index = v->index,
                                    .vectors = &v->values.at,
                                    .params = *params,
                                    .cost = &v->cost};
}

/* The same with the query's filter. */
static int search_filtered(struct search *x, const struct segment_search *t)
{
    struct store_stats *stats = &x->shard->store->stats;
    struct segment_filter f;
    segment_filter_begin(&f, t->segment, t->rows, &stats->filters);
    struct filtered_search search = filtered_search_of(&t->segment->vectors[0], x->query, &f, &t->params);
    search.query = x->vector;
    search.scratch = x->workspace->scratch;
    search.filter_scratch = &x->workspace->filter;
    struct plan plan = filtered_search_plan(&search);
    stats->filtered[plan.kind]++;
    const int n = filtered_search_run(&search, &plan);
    segment_filter_end(&f);
    return n;
}

/* What the search took since its last segment is what this one took. */
static void note_work(struct search *x, struct segment *g, const struct search_work *work)
{
    const uint64_t ran_ns = fiber_ran_ns(clock_now_ns());
    index_cost_note(&g->vectors[0].cost, work, ran_ns - x->ran_ns);
    x->ran_ns = ran_ns;
}

/* Adds the hits of one segment to workspace->all. */
static int search_segment(struct search *x, struct segment *g)
{
    if (g->rows.count == g->rows.dead)
        return 0;
    struct search_workspace *workspace = x->workspace;
    struct segment_search t = {.segment = g, .rows = g->rows.count, .pause = {search_pause, x}};
    t.k = x->query->k < t.rows ? x->query->k : t.rows;
    struct search_work work = {0};
    int rc = filter_scratch_hits(&workspace->filter, t.k);
    if (rc == 0)
        rc = memory_grow(&workspace->all, &workspace->all_max, x->count + t.k, sizeof(*workspace->all));
    if (rc < 0)
        return rc;
    const uint64_t *alive;
    bool stays = g->state == SEGMENT_GROWING;
    rc = find_alive(x, g, &alive);
    if (rc < 0)
        return rc;
    struct segment_pages pages = {.store = x->shard->store, .segment = g, .error = x->query->error};
    t.params = params_of(x->shard, x->query, g, x->unmeasured_ef);
    t.params.allowed = alive;
    t.params.work = &work;
    t.params.pause = &t.pause;
    t.params.fetch = segment_pages_fetch;
    t.params.fetch_arg = &pages;
    int n = x->query->filter ? search_filtered(x, &t) : ask_index(x, &t);
    if (n >= 0)
        note_work(x, g, &work);
    if (n == -EBADMSG)
        note_damage(x->shard, &pages);
    const bool full = n > 0 && (uint32_t)n == t.k && t.k < t.rows;
    for (int i = 0; i < n; i++)
        workspace->all[x->count++] = (struct search_hit){workspace->filter.hits[i], g, stays, full};
    return n < 0 ? n : 0;
}

static bool in_part(const struct search *x, const struct segment *g)
{
    const struct search_part *part = &x->query->part;
    if (!g->searched || g->state != SEGMENT_SEALED)
        return g->searched;
    if (part->asked)
        return !g->sharing.remote && (part->sealed || g->sharing.seq > part->share_seq);
    return !part->delegated || !bits_test(part->delegated, segment_owner(g, x->shard->store->options.reactors));
}

/* Holds the segments that came after the segment number `birth`, the growing one last. */
static int hold_segments(struct search *x, uint64_t birth)
{
    const struct shard *s = x->shard;
    int rc = memory_grow(&x->workspace->segments, &x->workspace->segments_max, x->segments + s->segment_count,
                         sizeof(struct segment *));
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i <= s->segment_count; i++) {
        struct segment *g = i < s->segment_count ? s->segments[i] : s->growing;
        bool in_turn = i == s->segment_count || g != s->growing;
        if (g && in_turn && g->birth > birth && in_part(x, g)) {
            segment_hold(g);
            x->workspace->segments[x->segments++] = g;
        }
    }
    return 0;
}

static int search_all(struct search *x)
{
    const struct shard *s = x->shard;
    for (uint64_t birth = 0; birth != s->births;) {
        uint32_t i = x->segments;
        x->moved |= birth != 0;
        int rc = hold_segments(x, birth);
        birth = s->births;
        for (; rc == 0 && i < x->segments; i++)
            rc = search_segment(x, x->workspace->segments[i]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static_assert(sizeof(struct point_id) == sizeof(struct topk_key), "the key of a row is its id");

/* Points at the same distance come in the order of their ids, numbers before UUIDs, so that every
 * search gives the same order. */
static int nearer(const void *a, const void *b)
{
    const struct search_hit *x = a, *y = b;
    if (x->hit.distance != y->hit.distance)
        return x->hit.distance < y->hit.distance ? -1 : 1;
    const struct point_id p = segment_id_at(x->segment, x->hit.row), q = segment_id_at(y->segment, y->hit.row);
    if (!point_id_equal(p, q))
        return p.hi != q.hi ? (p.hi < q.hi ? -1 : 1) : p.lo < q.lo ? -1 : 1;
    if (x->segment != y->segment)
        return x->segment->birth < y->segment->birth ? -1 : 1;
    return x->hit.row < y->hit.row ? -1 : x->hit.row > y->hit.row;
}

/* Whether a point is among the hits already: a merge or a seal moved its row during the search. The
 * distances of the two may differ, because the index of the new segment may score less exactly. */
static bool is_twin(const struct point_hit *hits, uint32_t n, const struct point_hit *of)
{
    while (n > 0)
        if (point_id_equal(hits[--n].id, of->id))
            return true;
    return false;
}

/* Takes the k nearest hits that are still alive. Sets x->lost if a hit that has died kept another
 * row of its segment out. */
static int collect(struct search *x, struct point_hit *ret_hits)
{
    uint32_t n = 0;
    x->lost = false;
    if (x->count)
        qsort(x->workspace->all, x->count, sizeof(*x->workspace->all), nearer);
    for (uint32_t i = 0; i < x->count && n < x->query->k; i++) {
        const struct search_hit *h = &x->workspace->all[i];
        struct point_hit hit = {segment_id_at(h->segment, h->hit.row), h->hit.distance};
        const bool alive = h->stays || segment_alive(h->segment, h->hit.row);
        x->lost |= !alive && h->full;
        if (alive && !(x->moved && is_twin(ret_hits, n, &hit)))
            ret_hits[n++] = hit;
    }
    return (int)n;
}

static void let_go_all(struct search *x)
{
    for (uint32_t i = 0; i < x->segments; i++)
        segment_let_go(x->workspace->segments[i]);
    x->segments = x->count = 0;
    x->moved = false;
}

/* Searches again while x->lost. Writes of the nearest points could go on for ever, so the last
 * answer is taken as it is. */
static int search_and_collect(struct search *x, struct point_hit *ret_hits)
{
    for (unsigned again = 0;; again++) {
        int rc = search_all(x);
        if (rc == 0)
            rc = collect(x, ret_hits);
        if (rc < 0 || !x->lost || again == AGAIN_MAX)
            return rc;
        let_go_all(x);
    }
}

/* Counts only searches of all segments here: other ones take too different times. */
static void measure(struct shard *s, const struct search *x, uint64_t ns)
{
    if (x->query->part.asked || x->query->part.delegated || x->query->aside || x->query->filter)
        return;
    s->search_ns = s->search_ns ? s->search_ns - s->search_ns / 16 + ns / 16 : ns;
}

/* -- what a search will cost -- */

static double segment_cost_ns(const struct shard *s, const struct shard_query *query, struct segment *g,
                              uint32_t unmeasured_ef)
{
    struct segment_vectors *v = &g->vectors[0];
    const struct search_params params = params_of(s, query, g, unmeasured_ef);
    if (!query->filter) {
        struct search_work work = {0};
        segment_index_work(v->index, g->rows.count, &params, &work);
        return index_cost_ns(&v->cost, &work);
    }
    struct segment_filter f;
    segment_filter_begin(&f, g, g->rows.count, NULL);
    const struct filtered_search search = filtered_search_of(v, query, &f, &params);
    const struct plan plan = filtered_search_plan(&search);
    segment_filter_end(&f);
    return plan.cost_ns;
}

uint64_t shard_cost_ns(const struct shard *s, const struct shard_query *query)
{
    const uint32_t unmeasured = unmeasured_ef(s, query);
    double ns = 0;
    /* segments may come and go at a checkpoint: then some count twice, or not at all */
    for (uint32_t i = 0; i <= s->segment_count; i++) {
        struct segment *g = i < s->segment_count ? s->segments[i] : s->growing;
        const bool in_turn = i == s->segment_count || g != s->growing;
        if (g && in_turn && g->searched && g->rows.count > g->rows.dead)
            ns += segment_cost_ns(s, query, g, unmeasured);
        fiber_checkpoint();
    }
    return (uint64_t)ns;
}

uint64_t shard_search_ns(const struct shard *s)
{
    return s->search_ns;
}

void shard_recall_note(struct shard *s, float recall, uint32_t found, uint32_t of)
{
    const float before = recall_effort(&s->effort);
    if (recall_effort_note(&s->effort, recall, (float)found / (float)of))
        log_info(
            "searches of '%s' find %s than they ask for: they now keep %.1f times the candidates of the recall curve",
            s->config.name, recall_effort(&s->effort) > before ? "less" : "more", (double)recall_effort(&s->effort));
}

bool shard_recall_is_unknown(const struct shard *s)
{
    return recall_effort_is_unknown(&s->effort);
}

void shard_cover_read(const struct shard *s, unsigned reactor, struct shard_cover *ret)
{
    *ret = (struct shard_cover){.unsealed = bits_test(s->unsealed_at, reactor),
                                .share_seq = s->share_seqs ? s->share_seqs[reactor] : 0,
                                .merges = s->merges};
    for (uint32_t i = 0; i < s->segment_count && !ret->sealed; i++) {
        const struct segment *g = s->segments[i];
        ret->sealed = g && g->sharing.remote && g->searched && segment_owner(g, s->store->options.reactors) == reactor;
    }
}

bool shard_has_sealed(const struct shard *s)
{
    for (uint32_t i = 0; i < s->segment_count; i++) {
        const struct segment *g = s->segments[i];
        if (g && g->state == SEGMENT_SEALED && g->searched && !g->sharing.remote)
            return true;
    }
    return false;
}

uint64_t shard_died_ns(const struct shard *s)
{
    return s->died_ns;
}

int shard_search(struct shard *s, const struct shard_query *query, struct point_hit *ret_hits)
{
    struct search x = {.shard = s, .query = query};
    int rc = shard_damage(s) ? -EBADMSG : context_check(query->ctx);
    if (rc == 0 && query->part.sealed && query->part.merges != s->merges)
        rc = -ESTALE;
    if (rc == 0)
        rc = gate_enter(&s->gate);
    if (rc < 0)
        return rc;
    const uint64_t began_ns = x.ran_ns = fiber_ran_ns(clock_now_ns());
    x.unmeasured_ef = unmeasured_ef(s, query);
    x.workspace = workspace_acquire(s->store);
    rc = x.workspace ? prepare(&x) : -ENOMEM;
    if (rc == 0 && !query->aside)
        live_queries_note(s, x.vector);
    if (rc == 0)
        rc = search_and_collect(&x, ret_hits);
    if (rc >= 0 && shard_damage(s))
        rc = -EBADMSG;
    if (rc >= 0)
        measure(s, &x, x.ran_ns - began_ns);
    let_go_all(&x);
    if (x.workspace)
        workspace_release(s->store, x.workspace);
    gate_leave(&s->gate);
    return rc;
}
