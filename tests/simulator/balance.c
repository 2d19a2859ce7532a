/* balance.c -- when no request and no background work is under way, every reactor has back what it
 * gave out: places and bytes of admission, bytes of frames, promised memory, gates, credits and
 * fibers. A leak of one of these makes a server stand still after days. All reactors must also have
 * the same settings and schemas. Each column must have all rows of its segment, and belong to a
 * field of the schema.
 *
 * These functions read cores and reactors directly. That is safe because all reactors run in one
 * thread. */
#include "play.h"
#include "shards/shard.h"

#include <stdio.h>
#include <string.h>

#define AGAIN_NS 50000000
#define CALM     10 /* the number of fibers is stable when so many looks find no fewer */
#define TEXT_MAX 160

/* Writes the difference into text and returns true, unless is == should_be. */
static bool differs(char *text, const char *what, uint64_t is, uint64_t should_be)
{
    if (is != should_be)
        snprintf(text, TEXT_MAX, "%s: %" PRIu64 " instead of %" PRIu64, what, is, should_be);
    return is != should_be;
}

static bool admission_owes(const struct core *c, char *text)
{
    const struct admission *a = &c->admission;
    if (differs(text, "bytes of admitted requests", a->bytes, 0) ||
        differs(text, "bytes of small requests", a->small_bytes, 0) ||
        differs(text, "requests that wait for admission", a->waiting, 0) ||
        differs(text, "bytes held by large frames", byte_pool_held(&c->frames), 0) ||
        differs(text, "places for requests", (uint64_t)c->places.left, c->places.most) ||
        differs(text, "connections that wait for a place", c->places.head != NULL, 0))
        return true;
    for (unsigned i = 0; i < ADMISSION_CLASSES; i++) {
        const struct admission_lane *l = &a->lanes[i];
        if (differs(text, "requests that run in a lane", l->running, 0) ||
            differs(text, "work that runs in a lane, ns", l->running_ns, 0) ||
            differs(text, "requests that wait in a lane", l->waiting, 0) ||
            differs(text, "work that waits in a lane, ns", l->waiting_ns, 0) ||
            differs(text, "connections that wait in a lane", l->flows, 0) ||
            differs(text, "bytes of requests without a connection", a->own[i].bytes, 0))
            return true;
    }
    return false;
}

static bool core_owes(const struct core *c, char *text)
{
    if (differs(text, "connections", c->metrics.connections_open, 0) ||
        differs(text, "requests that wait for sealing or compaction", c->waiting, 0) ||
        differs(text, "requests that wait for the catalog", c->catalog_calls, 0) ||
        differs(text, "steps of a start", c->starting, 0))
        return true;
    for (size_t i = 0; i < c->collections.count; i++)
        if (differs(text, "requests inside the gate of a collection", c->collections.by_id[i]->gate.inside, 0))
            return true;
    return false;
}

/* True if a column that searches read lacks rows or is there twice, or if a column is not of the
 * field that the schema has. */
static bool columns_owe(const struct shard *x, char *text)
{
    for (uint32_t i = 0; i < x->segment_count; i++) {
        const struct segment *g = x->segments[i];
        for (const struct segment_column *c = g && g->searched ? g->columns.first : NULL; c; c = c->next) {
            const struct field_spec *f = schema_field(x->config.schema, c->column.field);
            const bool ready = c->state == COLUMN_READY;
            if (differs(text, "rows of a column", c->column.rows, ready ? g->rows.count : c->column.rows) ||
                differs(text, "columns of a field that the schema does not have", !f, 0) ||
                differs(text, "columns of another kind than their field", f->kind != c->column.kind->id, 0) ||
                differs(text, "columns of another path than their field", strcmp(f->path, c->path) != 0, 0) ||
                differs(text, "columns that are there twice", ready && segment_column_find(g, c->column.field) != c, 0))
                return true;
        }
    }
    return false;
}

static bool store_owes(const struct store *s, char *text)
{
    if (differs(text, "bytes promised to writes", s->memory.promised, 0) ||
        differs(text, "background work that memory is kept for", s->memory.works != NULL, 0) ||
        differs(text, "writes under way", s->writes != NULL, 0) ||
        differs(text, "remote deletes begun", s->remote_deletes_begun[0] + s->remote_deletes_begun[1], 0) ||
        differs(text, "writes that are slowed", s->stats.slowed_now, 0))
        return true;
    for (const struct shard *x = s->shards; x; x = x->next)
        if (differs(text, "requests inside the gate of a shard", x->gate.inside, 0) ||
            differs(text, "writes to a shard", x->writes, 0) || columns_owe(x, text))
            return true;
    return false;
}

static bool settings_owe(const struct world *w, const struct core *c, char *text)
{
    for (unsigned i = 0; i < setting_count; i++)
        if (differs(text, setting_table[i].name, settings_read(&c->settings, i),
                    settings_read(&w->server->settings.now, i)))
            return true;
    return false;
}

/* True if a reactor has another schema than the manifest. */
static bool schemas_owe(const struct world *w, const struct core *c, char *text)
{
    for (size_t i = 0; i < c->collections.count; i++) {
        const struct collection_entry *e = c->collections.by_name[i];
        const struct collection_config *durable = manifest_find(&w->server->catalog.manifest, e->config.id);
        if (!durable || differs(text, "the version of a schema", e->config.schema->version, durable->schema->version) ||
            differs(text, "fields of a schema", e->config.schema->field_count, durable->schema->field_count) ||
            differs(text, "schemas of a shard that are another", e->config.schema != shard_config(e->shard)->schema,
                    0) ||
            differs(text, "schemas that wait for the manifest", e->next_schema != NULL, 0))
            return true;
    }
    return false;
}

/* True, with the first difference in text, if a reactor lacks something. */
static bool owes(const struct world *w, unsigned reactor, char *text)
{
    const struct core *c = w->server->cores[reactor];
    return admission_owes(c, text) || core_owes(c, text) || (c->store && store_owes(c->store, text)) ||
           settings_owe(w, c, text) || schemas_owe(w, c, text) || sim_reactor_owes(w->sim, reactor, text, TEXT_MAX) ||
           differs(text, "fibers", sim_fibers(w->sim, reactor), w->fibers[reactor]);
}

/* Waits until the fibers that a start leaves behind have ended: those of connections that read
 * during the start, and those that free memory piece by piece. */
void balance_begin(struct world *w)
{
    for (unsigned r = 0; r < reactor_count(); r++)
        w->fibers[r] = UINT32_MAX;
    for (unsigned calm = 0; calm < CALM;) {
        unsigned fewer = 0;
        fiber_sleep_ns(AGAIN_NS);
        for (unsigned r = 0; r < reactor_count(); r++)
            if (sim_fibers(w->sim, r) < w->fibers[r]) {
                w->fibers[r] = sim_fibers(w->sim, r);
                fewer++;
            }
        calm = fewer ? 0 : calm + 1;
    }
}

static void tell_wait(const char *line, void *arg)
{
    tell(arg, "waits", "%s", line);
}

void balance_check(struct world *w)
{
    char text[TEXT_MAX];
    uint64_t deadline_ns = clock_now_ns() + SETTLE_NS;
    for (unsigned r = 0; r < reactor_count() && !failed(w);) {
        if (!owes(w, r, text))
            r++;
        else if (clock_now_ns() < deadline_ns)
            fiber_sleep_ns(AGAIN_NS);
        else {
            sim_describe_waits(w->sim, tell_wait, w);
            fail(w, "server", "no request is under way, but reactor %u has %s", r, text);
        }
    }
}
