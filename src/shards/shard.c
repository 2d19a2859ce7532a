/* shard.c -- what a shard holds, and how a record becomes visible. A record whose version is not
 * above the known one changes nothing. So a replay may apply records twice, or after newer ones. */
#include "shards/shard.h"
#include "base/log.h"
#include "shards/log/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MIN 16
#define ROWS_MAX (1u << 24)

int shard_create(struct store *store, const struct collection_config *config, struct shard **ret)
{
    struct shard *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->store = store;
    if (collection_config_copy(&s->config, config) < 0) {
        free(s);
        return -ENOMEM;
    }
    *ret = s;
    return 0;
}

void shard_destroy(struct shard *s)
{
    for (uint32_t i = 0; i < s->segment_count; i++)
        if (s->segments[i])
            segment_retire(s->segments[i]);
    free(s->segments);
    free(s->share_seqs);
    s->store->live_query_bytes -= live_queries_bytes(s->queries);
    live_queries_destroy(s->queries);
    id_map_fini(&s->ids);
    collection_config_fini(&s->config);
    free(s);
}

const struct collection_config *shard_config(const struct shard *s)
{
    return &s->config;
}

void shard_set_schema(struct shard *s, struct schema *next)
{
    collection_config_replace(&s->config, next);
    for (uint32_t i = 0; i < s->segment_count; i++)
        if (s->segments[i])
            segment_columns_keep(s->segments[i], s->config.schema);
    shard_changed(s); /* the background builds columns of new fields */
}

int shard_add_segment(struct shard *s, struct segment *segment)
{
    uint32_t handle = 0;
    while (handle < s->segment_count && s->segments[handle])
        handle++;
    if (handle == s->segment_capacity) {
        uint32_t capacity = s->segment_capacity ? s->segment_capacity * 2 : 4;
        struct segment **grown = realloc(s->segments, capacity * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        s->segments = grown;
        s->segment_capacity = capacity;
    }
    s->segment_count += handle == s->segment_count;
    s->segments[handle] = segment;
    segment->handle = handle;
    segment->birth = ++s->births;
    s->losses = LOSSES_UNKNOWN;
    due_add(s, DUE_MEMORY);
    return 0;
}

struct segment *shard_find_segment(const struct shard *s, uint64_t id)
{
    for (uint32_t i = 0; i < s->segment_count; i++)
        if (s->segments[i] && s->segments[i]->id == id)
            return s->segments[i];
    return NULL;
}

void shard_remove_segment(struct shard *s, struct segment *segment)
{
    s->segments[segment->handle] = NULL;
    due_add(s, DUE_MEMORY);
    segment_retire(segment);
}

/* A page of some mapped file was lost (mapping_guard.h). Looks whether a segment of
 * this shard has lost it. */
static void look_for_losses(struct shard *s)
{
    char path[PATH_TEXT_MAX];
    struct error error;
    s->losses = mapping_losses();
    for (uint32_t i = 0; i < s->segment_count && !s->damage.code; i++) {
        const struct segment *g = s->segments[i];
        if (!g || store_segment_path(s->store, g->id, path) < 0 || segment_check_lost(g, path, &error) == 0)
            continue;
        /* only this collection stops */
        error.code = ERROR_CORRUPT;
        log_error("'%s' is not served any more: %s", s->config.name, error.text);
        s->damage = error;
    }
}

const struct error *shard_damage(struct shard *s)
{
    if (s->losses != mapping_losses())
        look_for_losses(s);
    return s->damage.code ? &s->damage : NULL;
}

void shard_set_damage(struct shard *s, const struct error *damage)
{
    if (!s->damage.code)
        s->damage = *damage;
}

/* -- growing -- */

void shard_freeze(struct shard *s)
{
    struct segment *g = s->growing;
    if (!g || (g->rows.count == 0 && g->tombstones.count == 0))
        return;
    g->state = SEGMENT_FROZEN;
    s->growing = NULL;
    s->frozen++;
    shard_changed(s);
}

static bool is_full(const struct shard *s, const struct segment *g)
{
    uint64_t bytes_max = s->store->options.growing_bytes_max;
    return g->rows.count == g->rows.max || g->payloads.arena.used > bytes_max ||
           (uint64_t)g->tombstones.count * sizeof(struct tombstone) > bytes_max;
}

uint32_t shard_growing_rows(const struct shard *s)
{
    const uint64_t bytes =
        /* sealed rows need less memory, so they are sealed sooner */
        s->store->options.growing_bytes_max >> (s->store->memory.pressure ? 1 : 0);
    uint64_t rows = bytes / (vector_bytes(shard_vector(s)));
    return (uint32_t)(rows < ROWS_MIN ? ROWS_MIN : rows > ROWS_MAX ? ROWS_MAX : rows);
}

/* The growing segment, with room for one more row or tombstone. */
static int growing_with_room(struct shard *s, struct segment **ret)
{
    if (s->growing && is_full(s, s->growing))
        shard_freeze(s);
    if (!s->growing) {
        struct segment *g;
        int rc = growing_create(&s->config, shard_growing_rows(s), &g);
        if (rc < 0)
            return rc;
        rc = shard_add_segment(s, g);
        if (rc < 0) {
            segment_destroy(g);
            return rc;
        }
        s->growing = g;
    }
    *ret = s->growing;
    return 0;
}

/* -- remote deletes -- */

int remote_deletes_reserve(struct remote_deletes *b, uint32_t n)
{
    uint32_t capacity = b->capacity ? b->capacity : 64;
    while (capacity - b->count < n)
        capacity *= 2;
    if (capacity == b->capacity)
        return 0;
    struct remote_delete *grown = realloc(b->items, capacity * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    b->items = grown;
    b->capacity = capacity;
    return 0;
}

int remote_deletes_add(struct remote_deletes *b, uint64_t collection, uint64_t segment, uint32_t row)
{
    if (remote_deletes_reserve(b, 1) < 0)
        return -ENOMEM;
    b->items[b->count++] = (struct remote_delete){collection, segment, row};
    return 0;
}

void remote_deletes_begin(struct store *store, struct remote_deletes *b)
{
    *b = (struct remote_deletes){.turn = store->remote_deletes_turn};
    store->remote_deletes_begun[b->turn]++;
}

static void delete_remote(struct shard *s, const struct remote_delete *b)
{
    struct segment *g = shard_find_segment(s, b->segment);
    if (g && b->row < g->rows.count)
        segment_delete_row(g, b->row);
    s->died_ns = clock_now_ns();
}

static int delete_rows(struct store *store, void *call)
{
    const struct remote_deletes *b = call;
    struct shard *s = NULL;
    for (uint32_t i = 0; i < b->count; i++) {
        if (!s || s->config.id != b->items[i].collection)
            s = store_shard(store, b->items[i].collection);
        if (s) {
            delete_remote(s, &b->items[i]);
            shard_changed(s); /* a segment may have so many dead rows that it has to be rewritten */
        }
    }
    return 0;
}

int remote_deletes_send(struct store *store, struct remote_deletes *b)
{
    const struct store_hooks *hooks = &store->options.hooks;
    int rc = b->count && store->options.reactors > 1
                 ? hooks->call(STORE_ALL_OTHERS, STORE_NOTICE, delete_rows, b, hooks->arg)
                 : 0;
    if (--store->remote_deletes_begun[b->turn] == 0)
        event_notify_all(&store->remote_deletes_sent);
    free(b->items);
    *b = (struct remote_deletes){0};
    return rc;
}

void remote_deletes_drain(struct store *store)
{
    unsigned turn = store->remote_deletes_turn;
    while (store->remote_deletes_begun[!turn]) /* another drain is under way */
        event_wait(&store->remote_deletes_sent);
    store->remote_deletes_turn = !turn;
    while (store->remote_deletes_begun[turn])
        event_wait(&store->remote_deletes_sent);
}

/* Whether the segment has the entry's id and version in the entry's row. A page that was lost reads
 * as zeros, so then everything counts as right. */
static inline bool entry_holds(const struct segment *g, const struct id_entry *e)
{
    uint64_t offset;
    return g && e->row < g->rows.count &&
           ((segment_version_at(g, e->row) == e->version && point_id_equal(segment_id_at(g, e->row), e->id)) ||
            mapping_lost(&g->mapping, &offset));
}

static struct segment *segment_of(const struct shard *s, const struct id_entry *e)
{
    struct segment *g = s->segments[e->segment];
    dcheck(entry_holds(g, e));
    return g && e->row < g->rows.count ? g : NULL;
}

int shard_delete_old(struct shard *s, const struct id_entry *e, struct remote_deletes *remote_deletes)
{
    if (!e->version || e->segment == ID_MAP_DELETED)
        return 0;
    struct segment *segment = segment_of(s, e);
    if (!segment)
        return 0;
    segment_delete_row(segment, e->row);
    return segment->id && s->store->options.reactors > 1
               ? remote_deletes_add(remote_deletes, s->config.id, segment->id, e->row)
               : 0;
}

/* -- records -- */

/* A segment takes only the first vector of the collection; there are no others yet. */
static int apply_upsert(struct shard *s, struct segment *g, const struct record *r, struct arena *payload_owner,
                        struct remote_deletes *remote_deletes)
{
    const struct record_part *vector = record_part(r, RECORD_VECTOR, shard_vector(s)->number);
    const struct record_part *payload = record_part(r, RECORD_PAYLOAD, 0);
    check(vector && vector->size == vector_bytes(shard_vector(s)));
    int64_t row = growing_append(g, &s->config, r->id, r->version, vector->bytes, payload ? payload->bytes : NULL,
                                 payload ? payload->size : 0, payload_owner);
    if (row < 0)
        return (int)row;
    struct id_entry e = {r->id, r->version, g->handle, (uint32_t)row}, old;
    check(id_map_put(&s->ids, &e, &old));
    return shard_delete_old(s, &old, remote_deletes);
}

static int apply_delete(struct shard *s, struct segment *g, const struct record *r,
                        struct remote_deletes *remote_deletes)
{
    int rc = growing_add_tombstone(g, r->id, r->version);
    if (rc < 0)
        return rc;
    struct id_entry e = {r->id, r->version, ID_MAP_DELETED, 0}, old;
    check(id_map_put(&s->ids, &e, &old));
    return shard_delete_old(s, &old, remote_deletes);
}

int shard_apply(struct shard *s, const struct record *r, struct arena *payload_owner, uint64_t bound,
                struct remote_deletes *remote_deletes)
{
    const struct id_entry *is = id_map_find(&s->ids, r->id);
    if (is && is->version >= r->version)
        return 0;
    struct segment *g;
    int rc = growing_with_room(s, &g);
    if (rc < 0)
        return rc;
    if (bound < g->log.first)
        g->log.first = bound;
    g->written_ns = clock_now_ns();
    return r->type == RECORD_UPSERT ? apply_upsert(s, g, r, payload_owner, remote_deletes)
                                    : apply_delete(s, g, r, remote_deletes);
}

/* -- reading -- */

void shard_get(struct shard *s, struct point_id id, struct point_view *ret)
{
    const struct id_entry *e = id_map_find(&s->ids, id);
    struct segment *segment = e && e->segment != ID_MAP_DELETED ? segment_of(s, e) : NULL;
    *ret = (struct point_view){.found = segment != NULL};
    if (!ret->found)
        return;
    struct payload_at payload = segment_payload_at(segment, e->row);
    ret->segment = segment;
    ret->version = e->version;
    ret->vector = rows_at(&segment->vectors[0].values.at, e->row);
    ret->payload = payload.bytes;
    ret->payload_size = (uint32_t)payload.size;
}

void point_view_hold(struct point_view *v)
{
    segment_hold(v->segment);
}

void point_view_let_go(struct point_view *v)
{
    segment_let_go(v->segment);
}

static uint64_t memory_of(const struct segment *g)
{
    return g->memory_bytes + g->payloads.arena.used + g->rows.alive_words * sizeof(uint64_t) +
           g->tombstones.capacity * sizeof(struct tombstone) +
           (g->vectors[0].index ? segment_index_bytes(g->vectors[0].index) : 0);
}

static struct segment_info describe(const struct shard *s, const struct segment *g)
{
    struct segment_info ret = {
        .id = g->id,
        .reactor = g->id ? segment_owner(g, s->store->options.reactors) : s->store->options.reactor,
        .state = g->state,
        .merging = g->succession.merging,
        .rows = g->rows.count,
        .deleted_rows = g->rows.dead,
        .tombstones = g->tombstones.count,
        .vector_bytes = (uint64_t)g->rows.count * vector_bytes(shard_vector(s)),
        .payload_bytes = g->payloads.size,
        .index_bytes = g->vectors[0].index ? segment_index_bytes(g->vectors[0].index) : 0,
        .memory_bytes = memory_of(g),
        .disk_bytes = g->disk_bytes,
    };
    if (g->state == SEGMENT_SEALED) {
        ret.index = g->vectors[0].plan.options;
        ret.why = g->vectors[0].plan.why;
        const struct recall_curve *curve = g->vectors[0].index ? segment_index_curve(g->vectors[0].index) : NULL;
        if (curve)
            ret.recall = *curve;
    }
    return ret;
}

/* Whether this reactor lists the segment. A sealed segment that all reactors share is listed by the
 * reactor that merges the collection; every other segment by its owner. */
static bool is_listed_here(const struct shard *s, const struct segment *g)
{
    if (!g || !g->searched)
        return false;
    return g->state == SEGMENT_SEALED && g->sharing.everywhere ? shard_merges(s) : !g->sharing.remote;
}

uint32_t shard_segments(const struct shard *s, struct segment_info *ret, uint32_t max)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->segment_count; i++) {
        const struct segment *g = s->segments[i];
        if (is_listed_here(s, g) && n++ < max)
            ret[n - 1] = describe(s, g);
    }
    return n;
}

void shard_segments_add(const struct shard *s, struct segment_sums by_state[SEGMENT_STATES])
{
    for (uint32_t i = 0; i < s->segment_count; i++) {
        const struct segment *g = s->segments[i];
        if (!is_listed_here(s, g))
            continue;
        struct segment_sums *to = &by_state[g->state];
        to->segments++;
        to->rows += g->rows.count;
        to->deleted_rows += g->rows.dead;
        to->tombstones += g->tombstones.count;
        to->memory_bytes += memory_of(g);
        to->disk_bytes += g->disk_bytes;
    }
}

void shard_info_read(struct shard *s, struct shard_info *ret)
{
    *ret = (struct shard_info){.points = s->ids.live, .memory_bytes = id_map_bytes(&s->ids)};
    for (uint32_t i = 0; i < s->segment_count; i++) {
        const struct segment *g = s->segments[i];
        if (!is_listed_here(s, g))
            continue;
        ret->memory_bytes += memory_of(g);
        if (g->state == SEGMENT_SEALED) {
            ret->sealed_segments++;
            ret->sealed_rows += g->rows.count;
            ret->sealed_dead_rows += g->rows.dead;
            ret->sealed_bytes += g->disk_bytes;
        } else {
            const uint32_t alive = g->rows.count - g->rows.dead; /* dead rows need no links */
            ret->growing_rows += alive;
            ret->growing_dead_rows += g->rows.dead;
            ret->growing_graphed += alive - segment_backlog(g);
            ret->growing_bytes += g->memory_bytes + g->payloads.arena.used;
        }
    }
}

void shard_note_dropped(struct shard *s)
{
    s->dropped = true;
    event_notify_all(&s->store->sealing_ended);
}

int shard_pause(void *arg)
{
    struct shard *s = arg;
    fiber_checkpoint();
    return s->gate.closed || s->store->interrupted ? -ECANCELED : 0;
}
