/* columns.c -- one step at a time, in the fiber that seals, so that no segment is sealed while a
 * column of it is built.
 *
 * A shared segment's columns belong to its owner. The owner sends each column to the other
 * reactors, which copy the struct, so that no reactor reads a list of another. A dropped column is
 * freed when no search on any reactor reads it. The call that tells the others to drop it waits
 * there for their searches. */
#include "shards/background/columns.h"
#include "shards/memory.h"

#include <errno.h>

struct column_call {
    uint64_t collection, segment;
    const struct column *column;
    const char *path;
};

static struct segment *find(struct store *store, const struct column_call *call, struct shard **ret)
{
    *ret = store_shard(store, call->collection);
    return *ret ? shard_find_segment(*ret, call->segment) : NULL;
}

static int others(struct shard *s, const struct segment *g, const struct segment_column *c, store_call_fn fn)
{
    const struct store_hooks *hooks = &s->store->options.hooks;
    struct column_call call = {s->config.id, g->id, &c->column, c->path};
    return s->store->options.reactors > 1 ? hooks->call(STORE_ALL_OTHERS, STORE_STEP, fn, &call, hooks->arg) : 0;
}

/* -- on the reactors that share the segment -- */

static int take(struct store *store, void *arg)
{
    const struct column_call *call = arg;
    struct shard *s;
    struct segment *g = find(store, call, &s);
    if (!g || segment_column_find(g, call->column->field) || !schema_field(s->config.schema, call->column->field))
        return 0;
    return segment_column_borrow(g, call->column, call->path);
}

static int give_back(struct store *store, void *arg)
{
    const struct column_call *call = arg;
    struct shard *s;
    struct segment *g = find(store, call, &s);
    if (!g)
        return 0; /* so no search here reads the column */
    segment_hold(g);
    segment_column_return(g, call->column);
    segment_let_go(g);
    return 0;
}

/* -- on the owner -- */

static bool may_build(const struct segment *g)
{
    return g->rows.count && !g->sharing.remote && g->searched;
}

static bool lacks(const struct segment *g, const struct field_spec *field)
{
    return column_kind_of(field->kind) && segment_column_is_due(g, field->number);
}

static bool lacks_some(const struct segment *g, const struct schema *schema)
{
    for (size_t i = 0; i < schema->field_count; i++)
        if (lacks(g, &schema->fields[i]))
            return true;
    return false;
}

static int build_granted(struct shard *s, struct segment *g, const struct field_spec *field)
{
    struct pause pause = {shard_pause, s};
    struct memory_work work;
    int rc = memory_work_begin(s->store, &work, segment_column_build_bytes(g, field), false);
    if (rc == 0) {
        if (g->searched) /* else a merge has replaced the segment meanwhile */
            rc = segment_column_build(g, field, &pause);
        memory_work_end(s->store, &work);
    }
    return rc;
}

/* Builds one of the columns that the segment lacks. Without memory for it, filters read payloads
 * until the shard changes again. Then the column is tried again. */
static int build_one(struct shard *s, struct segment *g)
{
    struct schema *schema = schema_acquire(s->config.schema);
    int rc = 0;
    for (size_t i = 0; i < schema->field_count && rc == 0; i++)
        if (lacks(g, &schema->fields[i]))
            rc = build_granted(s, g, &schema->fields[i]);
    if (rc > 0)
        /* the field may have been dropped during a pause */
        segment_columns_keep(g, s->config.schema);
    schema_release(schema);
    return rc == -ENOMEM ? 0 : rc;
}

static int share_in(struct shard *s, struct segment *g)
{
    if (g->state != SEGMENT_SEALED || g->sharing.remote || !g->sharing.everywhere)
        return 0;
    for (struct segment_column *c = g->columns.first; c; c = c->next) {
        if (c->shared || c->state != COLUMN_READY)
            continue;
        c->told = true;
        segment_column_hold(c);
        int rc = others(s, g, c, take);
        c->shared = rc == 0;
        segment_column_let_go(c);
        return rc < 0 ? rc : 1;
    }
    return 0;
}

static int free_in(struct shard *s, struct segment *g)
{
    struct segment_column *c = g->columns.dropped;
    if (!c || g->sharing.remote)
        return 0;
    int rc = others(s, g, c, give_back);
    if (rc == 0)
        segment_column_free_dropped(g, c);
    return rc < 0 ? rc : 1;
}

/* The caller holds the segment, so it is there after each wait. */
static int work_in(struct shard *s, struct segment *g)
{
    /* the segment may have been opened under an older schema */
    segment_columns_keep(g, s->config.schema);
    int rc = free_in(s, g);
    if (rc == 0 && may_build(g) && lacks_some(g, s->config.schema))
        rc = build_one(s, g);
    return rc == 0 ? share_in(s, g) : rc;
}

int shard_work_on_columns(struct shard *s)
{
    int rc = 0;
    for (uint32_t i = 0; i < s->segment_count && rc == 0; i++) {
        struct segment *g = s->segments[i];
        if (!g)
            continue;
        segment_hold(g);
        rc = work_in(s, g);
        segment_let_go(g);
    }
    return rc;
}
