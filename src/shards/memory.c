/* memory.c -- counts the memory of a shard by a walk over its segments. The alternative, a count
 * that every allocation updates, would be easy to get wrong. A walk takes some hundred nanoseconds
 * a segment. Only shards in which something changed are counted again: when a grant is used up, and
 * several times a second.
 *
 * Between two walks, a write adds what it will need to the last count. The store asks for grants in
 * advance. So most writes only compare two numbers. */
#include "shards/memory.h"
#include "base/text/size.h"
#include "base/workers.h"
#include "index/autoindex.h"
#include "shards/background/throttle.h"
#include "shards/segment/index_plan.h"
#include "shards/shard.h"

#include <errno.h>

/* between two requests for memory by a write that waits */
#define ASK_NS       ((uint64_t)100000000)
#define REFRESH_STEP 64 /* shards counted between two pauses: about 10 us */

static uint64_t growing_memory(const struct segment *g)
{
    return g->memory_bytes + arena_bytes(&g->payloads.arena) + g->tombstones.capacity * sizeof(*g->tombstones.items);
}

void segment_memory(const struct segment *g, struct memory_use *use)
{
    use->bytes[MEMORY_ROWS] += sizeof(*g) + g->rows.alive_words * sizeof(*g->rows.alive) + segment_columns_bytes(g);
    if (g->succession.rows)
        use->bytes[MEMORY_BUILDS] += (uint64_t)g->rows.count * sizeof(*g->succession.rows);
    if (g->sharing.remote)
        return; /* its owner counts the mapped file and the index */
    if (g->mapping.bytes)
        use->mapped += g->mapping.size;
    else
        use->bytes[MEMORY_ROWS] += growing_memory(g);
    if (g->vectors[0].index)
        segment_index_memory(g->vectors[0].index, use);
}

/* -- memory that growing segments will need -- */

/* Memory to build and seal `rows` rows. graph: the index options that are fixed when a
 * growing segment begins. columns: what writing the columns of fields takes. */
static uint64_t to_build(const struct store *s, const struct collection_config *c, const struct index_options *graph,
                         uint32_t rows, uint64_t columns)
{
    const struct index_options most = index_options_most(graph, collection_vector(c)->dim);
    const uint64_t sealed =
        index_row_bytes_max(&most, collection_vector(c)->metric, collection_vector(c)->dim) * (uint64_t)rows;
    /* At the peak three sets of codes are in memory: those of the build, those that were chosen,
     * and the copy for the file. The columns are written and freed before that copy is made. */
    return index_memory(collection_vector(c)->metric, collection_vector(c)->dim, rows, &most,
                        workers_shares(s->options.workers)) +
           sealed + (columns > sealed ? columns : sealed);
}

/* The same for rows that are not written yet. */
static uint64_t to_build_new(const struct store *s, const struct collection_config *c,
                             const struct index_options *graph, uint32_t rows)
{
    return to_build(s, c, graph, rows, segment_columns_write_bytes(c->schema, NULL, 0, rows));
}

uint64_t memory_to_build(const struct store *s, const struct collection_config *c, uint32_t rows)
{
    struct index_plan plan;
    index_plan_begin(&plan, c, rows);
    return to_build(s, c, &plan.options, rows, 0);
}

/* Memory that the segment will take beyond what it has. Building takes nearly all of what building
 * and sealing take together, and comes first. */
static uint64_t to_come(const struct shard *s, struct segment *g)
{
    if (g->state == SEGMENT_SEALED || !g->vectors[0].index || g->rows.count == 0)
        return 0;
    const uint64_t columns = segment_columns_write_bytes(s->config.schema, &g, 1, g->rows.count);
    const uint64_t all = to_build(s->store, &s->config, &g->vectors[0].plan.options, g->rows.count, columns),
                   has = segment_index_bytes(g->vectors[0].index);
    return all > has ? all - has : 0;
}

/* -- counting -- */

/* Small segments are built only when they are sealed, one after the other. So the memory for the
 * largest of them is enough for all: each seal frees more than the sealed segment keeps. */
static void count_to_come(const struct shard *s, struct segment *g, struct shard_memory *m)
{
    struct store *store = s->store;
    const uint64_t more = to_come(s, g);
    if (!segment_is_small(g))
        m->to_come += more;
    else if (more > store->memory.small_to_come)
        store->memory.small_to_come = more;
}

static struct shard_memory count(const struct shard *s)
{
    struct shard_memory m = {0};
    m.use.bytes[MEMORY_IDS] = id_map_bytes(&s->ids);
    m.use.bytes[MEMORY_ROWS] = sizeof(*s) + s->segment_capacity * sizeof(*s->segments);
    m.use.bytes[MEMORY_SEARCHES] = live_queries_bytes(s->queries);
    for (uint32_t i = 0; i < s->segment_count; i++) {
        struct segment *g = s->segments[i];
        if (!g)
            continue;
        segment_memory(g, &m.use);
        m.backlog += segment_backlog(g);
        count_to_come(s, g, &m);
    }
    return m;
}

static void add(struct shard_memory *to, const struct shard_memory *m)
{
    memory_use_add(&to->use, &m->use);
    to->to_come += m->to_come;
    to->backlog += m->backlog;
}

static void subtract(struct shard_memory *from, const struct shard_memory *m)
{
    for (unsigned i = 0; i < MEMORY_KINDS; i++)
        from->use.bytes[i] -= m->use.bytes[i];
    from->use.mapped -= m->use.mapped;
    from->to_come -= m->to_come;
    from->backlog -= m->backlog;
}

void memory_forget(struct shard *s)
{
    subtract(&s->store->memory.shards, &s->memory);
    s->memory = (struct shard_memory){0};
}

/* Whether an index build or a merge changes the memory of the shard, though no write comes. */
static bool is_moving(const struct shard *s)
{
    for (uint32_t i = 0; i < s->segment_count; i++) {
        const struct segment *g = s->segments[i];
        if (g && (g->succession.merging || g->succession.rows || g->vectors[0].indexing || g->state == SEGMENT_FROZEN ||
                  segment_backlog(g)))
            return true;
    }
    return false;
}

void memory_refresh(struct store *store)
{
    struct shard *s;
    for (uint32_t n = store->due[DUE_MEMORY].count; n > 0 && (s = due_pop(store, DUE_MEMORY)); n--) {
        subtract(&store->memory.shards, &s->memory);
        s->memory = count(s);
        add(&store->memory.shards, &s->memory);
        if (is_moving(s))
            due_add(s, DUE_MEMORY);
        if (n % REFRESH_STEP == 0)
            fiber_checkpoint();
    }
}

void store_memory_read(struct store *store, struct memory_use *use)
{
    memory_refresh(store);
    memory_use_add(use, &store->memory.shards.use);
    use->bytes[MEMORY_SEARCHES] += search_workspaces_bytes(store->workspaces);
    if (store->log)
        use->bytes[MEMORY_LOG] += log_memory(store->log);
}

void store_memory_trim(struct store *store)
{
    if (store->log)
        log_trim(store->log);
}

uint64_t store_memory_needed(struct store *store)
{
    struct memory_use use = {0};
    store_memory_read(store, &use);
    uint64_t bytes =
        memory_use_sum(&use) + store->memory.promised + store->memory.shards.to_come + store->memory.small_to_come;
    for (const struct memory_work *w = store->memory.works; w; w = w->next)
        bytes += w->bytes;
    return store->memory.counted = bytes;
}

void store_memory_grant(struct store *store, uint64_t granted, unsigned pressure)
{
    /* merges and seals choose other indexes under another pressure */
    const bool other = store->memory.pressure != pressure;
    store->memory.granted = granted;
    store->memory.pressure = pressure;
    if (pressure >= MEMORY_POOLS_SMALL)
        search_workspaces_trim(store);
    if (store->memory.wanted || other) {
        store->memory.wanted = false;
        store_changed(store);
    }
}

/* Whether so many bytes more may be used. 0: yes. -EAGAIN: ask again. -ENOMEM: no. */
static int ask(struct store *store, uint64_t more, bool frees, struct error *error)
{
    const struct store_hooks *hooks = &store->options.hooks;
    uint64_t granted = 0;
    if (!hooks->memory || store->memory.counted + more <= store->memory.granted)
        return 0;
    store_memory_needed(store);
    if (store->memory.counted + more <= store->memory.granted)
        return 0;
    int rc = hooks->memory(store->memory.counted + more, frees, &granted, error, hooks->arg);
    if (rc == 0)
        store->memory.granted = granted;
    if (rc == 0 && store->memory.counted + more > granted)
        return -EAGAIN; /* other writes took it while the answer was on its way */
    return rc;
}

/* -- writers -- */

/* The memory that building and sealing `count` more rows adds to what is already counted. A part of
 * it does not depend on the number of rows, and counts with the first row of a segment: with 65 536
 * dimensions it is 1 MiB. Small segments share that part (count_to_come()). */
static uint64_t index_bytes_of(const struct shard *s, uint32_t count, uint32_t rows_max)
{
    struct index_plan plan;
    const struct segment *g = s->growing;
    if (!g)
        index_plan_begin(&plan, &s->config, rows_max);
    const struct index_options *graph = g ? &g->vectors[0].plan.options : &plan.options;
    const uint32_t had = g && g->rows.count < rows_max ? g->rows.count : 0;
    const uint32_t has = count < rows_max - had ? had + count : rows_max;
    const uint64_t row = to_build_new(s->store, &s->config, graph, rows_max) / rows_max + 1, mean = count * row;
    if (segment_rows_are_small(has, vector_stride(shard_vector(s))))
        return mean;
    const uint64_t foreseen = had && !segment_is_small(g) ? to_build_new(s->store, &s->config, graph, had) : 0;
    const uint64_t first = to_build_new(s->store, &s->config, graph, has) - foreseen;
    const uint64_t exact = first + (count - (has - had)) * row;
    return exact > mean ? exact : mean;
}

/* The memory of the rows while they grow, and of their index until they are sealed. It includes a
 * new segment, or a new chunk of each column, if the batch needs one. */
static uint64_t batch_bytes(const struct shard *s, const struct point_batch *b)
{
    const uint32_t rows_max = s->growing ? s->growing->rows.max : shard_growing_rows(s);
    uint64_t bytes = growing_bytes(s->growing, &s->config, rows_max, b->count) + index_bytes_of(s, b->count, rows_max) +
                     id_map_growth(&s->ids, b->count);
    for (uint32_t i = 0; b->payloads && i < b->count; i++) {
        const uint32_t payload = point_batch_payload_size(b, i);
        bytes += payload ? payload + 16 : 0;
    }
    return bytes;
}

/* sealing is worth it when growing segments hold at least this part of the grant (one in 64) */
#define WORTH_SEALING 64

/* Freezes the largest growing segment of the store, so that it is sealed. False: nothing is being
 * sealed, and too little is growing. */
static bool make_room(struct store *store)
{
    struct shard *largest = NULL;
    bool sealing = false;
    uint64_t bytes = 0;
    for (struct shard *s = store->shards; s; s = s->next) {
        sealing |= s->frozen > 0;
        if (!s->growing || s->growing->rows.count == 0 || s->damage.code)
            continue;
        bytes += s->growing->memory_bytes;
        if (!largest || s->growing->memory_bytes > largest->growing->memory_bytes)
            largest = s;
    }
    if (!sealing && bytes * WORTH_SEALING >= store->memory.granted && largest) {
        shard_freeze(largest);
        sealing = true;
    }
    store_notify_work(store);
    return sealing;
}

/* Waits until a seal has ended, ASK_NS have passed, or the write is given up. */
static void wait_sealing(struct store *store, const struct context *ctx)
{
    const uint64_t until_ns = clock_now_ns() + ASK_NS;
    while (clock_now_ns() < until_ns && context_check(ctx) == 0)
        if (throttle_wait_sealing(store, ctx) == 0)
            return;
}

int memory_admit(struct shard *s, const struct point_batch *b, uint64_t *ret, struct error *error)
{
    struct store *store = s->store;
    const uint64_t bytes = batch_bytes(s, b);
    int rc;
    while ((rc = ask(store, bytes, false, error)) < 0) {
        const int given_up = context_check(b->ctx);
        if (given_up < 0)
            return given_up;
        const bool sealing = rc == -ENOMEM && !store->work_failed && !store->read_only && make_room(store);
        if (rc == -ENOMEM && (!sealing || (error && error->code == ERROR_TOO_LARGE) || s->gate.closed || s->dropped ||
                              store->interrupted))
            break;
        order_check(store->options.hooks.background_order);
        if (rc == -ENOMEM)
            wait_sealing(store, b->ctx);
        else if (rc != -EAGAIN)
            return rc;
    }
    if (rc < 0)
        return rc;
    store->memory.counted += bytes;
    store->memory.promised += bytes;
    *ret = bytes;
    return 0;
}

void memory_written(struct store *store, uint64_t admitted)
{
    store->memory.promised -= admitted;
}

/* -- the background -- */

int memory_work_begin(struct store *store, struct memory_work *w, uint64_t bytes, bool frees)
{
    int rc;
    do
        rc = ask(store, bytes, frees, NULL);
    while (rc == -EAGAIN && !store->interrupted);
    if (rc < 0) {
        store->memory.wanted = true;
        return rc;
    }
    *w = (struct memory_work){bytes, store->memory.works};
    store->memory.works = w;
    store->memory.counted += bytes;
    return 0;
}

void memory_work_end(struct store *store, struct memory_work *w)
{
    struct memory_work **link = &store->memory.works;
    while (*link != w)
        link = &(*link)->next;
    *link = w->next;
    const uint64_t bytes = w->bytes < store->memory.counted ? w->bytes : store->memory.counted;
    store->memory.counted -= bytes;
    /* writers must not take the memory that was reserved for this work */
    if (store->memory.granted != UINT64_MAX)
        store->memory.granted -= bytes < store->memory.granted ? bytes : store->memory.granted;
}
