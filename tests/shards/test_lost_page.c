/* Tests pages of segment files that the disk does not give back, lost at any moment. No zeros of
 * such a page get into an answer or into a file. */
#include "reactor/mapping_guard.h"
#include "shards/merge/replace.h"
#include "stores.h"

#include <string.h>

#define PAGE 4096

/* From now on the page of the file that contains `address` reads as zeros. */
static void lose_page(const struct segment *g, const void *address)
{
    const size_t from = (size_t)((const uint8_t *)address - g->mapping.bytes) / PAGE * PAGE;
    const size_t n = g->mapping.size - from < PAGE ? g->mapping.size - from : PAGE;
    want(mapping_guard_lose(address));
    memset((uint8_t *)(uintptr_t)g->mapping.bytes + from, 0, n); /* the simulator maps memory */
}

static struct segment *any_sealed(const struct shard *s)
{
    for (uint32_t i = 0; i < s->segment_count; i++)
        if (s->segments[i] && s->segments[i]->state == SEGMENT_SEALED && s->segments[i]->rows.count)
            return s->segments[i];
    world_fail(__FILE__, __LINE__, "no segment is sealed");
    return NULL;
}

/* Fills a server whose points are in sealed segments. */
static struct collection_config fill(struct server *s, unsigned reactors, struct truth *truth)
{
    server_open(s, reactors);
    struct collection_config c = create(s);
    for (uint32_t n = 0; n < IDS; n++) {
        upsert(s, &c, truth, n);
        if (n % 50 == 49)
            work(s);
    }
    return c;
}

static void want_refused(const struct error *e)
{
    want_eq(e->code, ERROR_CORRUPT);
    want(strstr(e->text, "data/segments/") && strstr(e->text, "offset"));
}

static void write_after_loss(void *arg)
{
    static struct truth truth[IDS];
    static const float vector[DIM];
    struct server s;
    struct collection_config c = fill(&s, 1, truth);
    struct shard *shard = store_shard(s.stores[0], c.id);
    const struct point_id id = id_of(7);
    struct point_batch batch = {.ids = &id, .vectors = vector, .count = 1};
    struct error e = {0};
    uint32_t deleted;
    want(!shard_damage(shard));
    struct segment *g = any_sealed(shard);
    lose_page(g, rows_at(&g->rows.ids.at, 0));
    want(shard_upsert(shard, &batch, &e) < 0);
    want_refused(&e);
    e = (struct error){0};
    want(shard_delete(shard, &id, 1, &deleted, &e) < 0);
    want_refused(&e);
    server_close(&s);
}

/* A point whose id reads as zeros would seem to be missing. */
Test(lost_page, a_write_is_refused_and_names_the_file)
{
    world_run_well(BACKEND_SIM, 1, write_after_loss, NULL);
}

static void loss_before_arrival(void *arg)
{
    static struct truth truth[IDS];
    struct server s;
    struct collection_config c = fill(&s, 1, truth);
    struct shard *shard = store_shard(s.stores[0], c.id);
    const struct segment *sealed = any_sealed(shard);
    struct error e = {0};
    struct segment *again;
    char path[PATH_TEXT_MAX];
    want_eq(store_segment_path(s.stores[0], sealed->id, path), 0);
    const struct manifest_segment m = {.id = sealed->id,
                                       .collection = c.id,
                                       .rows = sealed->rows.count,
                                       .tombstones = sealed->tombstones.count,
                                       .version_min = sealed->rows.version_min,
                                       .version_max = sealed->rows.version_max};
    want_eq(segment_open(path, &c, &m, 0, &again, &e), 0);
    lose_page(again, rows_at(&again->vectors[0].values.at, 0));
    want(!shard_damage(shard)); /* no segment of this shard is damaged */
    want_eq(shard_add_segment(shard, again), 0);
    want(shard_damage(shard) != NULL);
    server_close(&s);
}

Test(lost_page, of_a_segment_that_is_still_to_come_is_noticed)
{
    world_run_well(BACKEND_SIM, 1, loss_before_arrival, NULL);
}

static size_t found(const struct shard *s)
{
    size_t n = 0;
    for (uint32_t i = 0; i < IDS; i++)
        n += id_map_find(&s->ids, id_of(i)) != NULL;
    return n;
}

static void loss_at_start(void *arg)
{
    static struct truth truth[IDS];
    struct server s;
    struct collection_config c = fill(&s, 1, truth);
    struct shard *shard = store_shard(s.stores[0], c.id);
    struct segment *g = any_sealed(shard);
    lose_page(g, rows_at(&g->rows.versions.at, 0));
    id_map_fini(&shard->ids);
    want_eq(store_map(s.stores[0]), 0);
    want(found(shard) < IDS);
    want_eq(shard->ids.live, found(shard));
    want(shard_damage(shard) != NULL);
    server_close(&s);
}

/* In the id map, version 0 means a free place. */
Test(lost_page, rows_without_a_version_have_no_entry)
{
    world_run_well(BACKEND_SIM, 1, loss_at_start, NULL);
}

/* -- in a merge -- */

static bool lost;

static void lose_fresh(struct server *s, store_call_fn fn, void *call)
{
    const struct replacement *r = fn == store_replace ? call : NULL;
    if (!r || r->step != REPLACE_SHARE || !r->fresh || lost)
        return;
    lost = true;
    lose_page(r->fresh, rows_at(&r->fresh->rows.ids.at, 0));
}

/* Asserts that every entry of the id map names a segment of the shard. */
static void check_map(const struct shard *s)
{
    const struct id_table *tables[] = {&s->ids.now, &s->ids.old};
    for (unsigned t = 0; t < 2; t++)
        for (size_t i = 0; tables[t]->entries && i <= tables[t]->mask; i++) {
            const struct id_entry *e = &tables[t]->entries[i];
            if (!e->version || e->segment == ID_MAP_DELETED)
                continue;
            want(e->segment < s->segment_count && s->segments[e->segment] != NULL);
            want(e->row < s->segments[e->segment]->rows.count);
        }
}

static void loss_in_merge(void *arg)
{
    static struct truth truth[IDS];
    struct compaction compaction = {0};
    struct error e = {0};
    struct server s;
    struct collection_config c = fill(&s, 2, truth);
    for (uint32_t n = 0; n < IDS; n += 5)
        erase(&s, &c, truth, n);
    s.before_call = lose_fresh;
    lost = false;
    compaction_start(&compaction, &s);
    for (unsigned r = 0; r < s.reactors; r++)
        (void)!shard_compact(store_shard(s.stores[r], c.id), NULL, &e);
    compaction_stop(&compaction);
    want(lost);
    for (unsigned r = 0; r < s.reactors; r++) {
        check_map(store_shard(s.stores[r], c.id));
        want(shard_damage(store_shard(s.stores[r], c.id)) != NULL);
    }
    server_close(&s);
}

Test(lost_page, between_the_borrowing_and_the_repointing_of_a_merge)
{
    world_run_well(BACKEND_SIM, 1, loss_in_merge, NULL);
}
