/* live_queries.c -- a sample of bounded size. A new query replaces a random one. The more
 * queries came, the fewer are taken, down to one in INTERVAL_MAX. So the sample follows
 * what clients ask lately. */
#include "shards/background/live_queries.h"
#include "index/recall/recall_measure.h"
#include "shards/shard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VALUES (64 * 1024) /* in a sample: so it has fewer long vectors than short ones */
/* a sample may have so many at least: a measurement ignores fewer */
#define QUERIES_MIN  16
#define DIM_LONG     8192 /* longer queries are not kept: a sample must be copied in 50 us */
#define INTERVAL_MAX 256  /* at least one query in so many is taken */

uint64_t live_queries_bytes(const struct live_queries *q)
{
    return q ? sizeof(*q) + (uint64_t)q->room * q->dim * sizeof(float) : 0;
}

void live_queries_destroy(struct live_queries *q)
{
    if (!q)
        return;
    free(q->vectors);
    free(q);
}

static uint32_t random_below(struct live_queries *q, uint64_t n)
{
    q->random = q->random * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
    return (uint32_t)((q->random >> 33) % n);
}

/* Whether a segment has so many rows that its recall is measured. */
static bool has_rows(const struct shard *s)
{
    for (uint32_t i = 0; i < s->segment_count; i++)
        if (s->segments[i] && s->segments[i]->rows.count >= RECALL_ROWS_MIN)
            return true;
    return false;
}

static bool may_hold(const struct store *store, uint64_t bytes)
{
    return store->memory.pressure < MEMORY_POOLS_SMALL && store->live_query_bytes + bytes <= LIVE_QUERIES_STORE;
}

static struct live_queries *begin(struct shard *s)
{
    const uint32_t dim = shard_vector(s)->dim, fit = VALUES / dim;
    struct live_queries *q =
        dim <= DIM_LONG && has_rows(s) && may_hold(s->store, sizeof(*q)) ? calloc(1, sizeof(*q)) : NULL;
    if (!q)
        return NULL;
    q->dim = dim;
    q->max = fit < QUERIES_MIN ? QUERIES_MIN : fit < LIVE_QUERIES_MAX ? fit : LIVE_QUERIES_MAX;
    q->random = s->config.id;
    s->store->live_query_bytes += sizeof(*q);
    return s->queries = q;
}

/* Makes room for one more query. False: there is no room. */
static bool grow(struct shard *s, struct live_queries *q)
{
    if (q->sample.count < q->room)
        return true;
    const uint32_t twice = q->room ? 2 * q->room : 8, room = twice < q->max ? twice : q->max;
    const uint64_t row = q->dim * sizeof(float), more = (room - q->room) * row;
    float *grown = may_hold(s->store, more) ? realloc(q->vectors, room * row) : NULL;
    if (!grown)
        return false;
    q->sample.vectors = q->vectors = grown;
    q->room = room;
    s->store->live_query_bytes += more;
    due_add(s, DUE_MEMORY);
    return true;
}

/* Adds the query, or replaces a random one when there is no room. */
static void take(struct shard *s, struct live_queries *q, const float *vector)
{
    uint32_t at = q->sample.count;
    if (at < q->max && grow(s, q))
        q->sample.live = ++q->sample.count;
    else if (at > 0)
        at = random_below(q, at);
    else
        return;
    memcpy(q->vectors + (size_t)at * q->dim, vector, q->dim * sizeof(*vector));
}

/* Whether the query is equally far from all rows: with cosine and inner product, a zero vector
 * is. */
static bool is_zero_query(const struct shard *s, const float *vector)
{
    return shard_vector(s)->metric != METRIC_L2 && vectors_largest(vector, shard_vector(s)->dim) == 0;
}

void live_queries_note(struct shard *s, const float *vector)
{
    struct live_queries *q = s->queries;
    if (q && q->skip) {
        q->skip--;
        q->seen++;
        return;
    }
    if (!q)
        q = begin(s);
    if (!q || is_zero_query(s, vector))
        return;
    take(s, q, vector);
    const uint64_t each = ++q->seen / q->max, interval = each < INTERVAL_MAX ? each : INTERVAL_MAX;
    q->skip = q->sample.count < q->max || interval == 0 ? 0 : random_below(q, 2 * interval);
}

/* -- for a build -- */

/* Asks each reactor for its sample. Reactor r writes of[r]. */
struct question {
    uint64_t collection;
    struct gathered_queries *of; /* [reactors] */
};

static int answer(struct store *store, void *call)
{
    const struct question *question = call;
    struct gathered_queries *to = &question->of[store->options.reactor];
    const struct shard *s = store_shard(store, question->collection);
    const struct live_queries *q = s ? s->queries : NULL;
    if (!q || q->sample.count == 0)
        return 0;
    const size_t bytes = (size_t)q->sample.count * q->dim * sizeof(float);
    to->vectors = malloc(bytes);
    if (!to->vectors)
        return -ENOMEM;
    memcpy(to->vectors, q->vectors, bytes);
    to->sample = (struct query_sample){to->vectors, q->sample.count, q->sample.count};
    return 0;
}

bool gathered_queries_add(struct gathered_queries *g, const float *vector, uint32_t dim)
{
    for (uint32_t i = 0; i < g->sample.count; i++)
        if (memcmp(g->vectors + (size_t)i * dim, vector, dim * sizeof(float)) == 0)
            return true;
    if (g->sample.count == LIVE_QUERIES_MAX)
        return false;
    memcpy(g->vectors + (size_t)g->sample.count++ * dim, vector, dim * sizeof(float));
    return true;
}

/* Takes one query of each reactor in turn. Several reactors may have the same query, because a
 * search asks all that have rows. */
static void mix(struct gathered_queries *g, const struct gathered_queries *of, unsigned reactors, uint32_t dim)
{
    for (uint32_t i = 0; i < LIVE_QUERIES_MAX; i++)
        for (unsigned r = 0; r < reactors; r++)
            if (i < of[r].sample.count)
                (void)gathered_queries_add(g, of[r].vectors + (size_t)i * dim, dim);
    g->sample.live = g->sample.count;
}

int gathered_queries_init(struct gathered_queries *g, struct shard *s, uint32_t rows)
{
    const struct store_options *o = &s->store->options;
    struct question question = {s->config.id, NULL};
    *g = (struct gathered_queries){0};
    if (rows < RECALL_ROWS_MIN)
        return 0;
    question.of = calloc(o->reactors, sizeof(*question.of));
    g->sample.vectors = g->vectors = malloc((size_t)LIVE_QUERIES_MAX * vector_bytes(shard_vector(s)));
    int rc = question.of && g->vectors ? answer(s->store, &question) : -ENOMEM;
    if (rc == 0 && o->reactors > 1)
        rc = o->hooks.call(STORE_ALL_OTHERS, STORE_NOTICE, answer, &question, o->hooks.arg);
    if (rc == 0)
        mix(g, question.of, o->reactors, shard_vector(s)->dim);
    for (unsigned r = 0; question.of && r < o->reactors; r++)
        gathered_queries_fini(&question.of[r]);
    free(question.of);
    if (rc < 0)
        gathered_queries_fini(g);
    return rc;
}

void gathered_queries_fini(struct gathered_queries *g)
{
    free(g->vectors);
    *g = (struct gathered_queries){0};
}
