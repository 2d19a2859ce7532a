/* test_damaged_column.c -- a column of a segment's file is damaged. The rows are served all the
 * same, filters read payloads until the column is built again, and no merge copies the damage. */
#include "../columns/one_vector.h"
#include "query/filter.h"
#include "shards/segment/segment_file.h"
#include "shards/snapshot/snapshot.h"
#include "shards/store.h"
#include "shards/verify/verify.h"
#include "stores.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS    100
#define INTEGER 2 /* the column kind */
#define REGIONS 7 /* of an integer column */

enum damage {
    WRONG_CHECKSUM, /* a byte of the file is flipped */
    WRONG_CONTENT,  /* the same, and the checksum is that of the damaged bytes */
};

struct scene {
    enum damage damage;
    unsigned region; /* which of the column */
};

static struct truth truth[IDS];

static struct collection_config indexed(struct server *s)
{
    struct collection_config c = {.id = 1};
    static struct schema *schema; /* kept, so that leak checks find it */
    schema = schema_create(1, 1);
    schema->vectors[0].type = VECTOR_F32;
    schema->vectors[0].dim = DIM;
    schema->vectors[0].metric = METRIC_L2;
    schema->fields[0].kind = INTEGER;
    strcpy(schema->fields[0].path, "n");
    c.schema = schema;
    strcpy(c.name, "test");
    create_as(s, &c);
    return c;
}

static void path_of(char path[PATH_TEXT_MAX], uint64_t id)
{
    want_eq(path_join(path, "data", "segments/%016llx.seg", (unsigned long long)id), 0);
}

static uint64_t only_segment(const struct server *s, const struct collection_config *c)
{
    static struct segment_info infos[8];
    uint64_t id = 0;
    unsigned sealed = 0;
    const unsigned n = shard_segments(store_shard(s->stores[0], c->id), infos, 8);
    for (unsigned i = 0; i < n; i++)
        if (infos[i].state == SEGMENT_SEALED) {
            id = infos[i].id;
            sealed++;
        }
    want_eq(sealed, 1);
    return id;
}

/* -- damage -- */

static bool is_nth(const struct container *c, unsigned i, unsigned n)
{
    unsigned before = 0;
    for (unsigned k = 0; k < i; k++)
        before += region_owner(c->regions[k].name).kind == 'c';
    return region_owner(c->regions[i].name).kind == 'c' && before == n;
}

static void flip(const char *path, uint64_t offset)
{
    struct file *f;
    uint8_t byte;
    want_eq(file_open(path, FILE_WRITE, &f), 0);
    want_eq(file_read(f, &byte, 1, offset), 1);
    byte ^= 0x40;
    want_eq(file_write(f, &byte, 1, offset), 0);
    file_close(f);
}

/* Writes the file again, with right checksums, and one region changed. */
static void rewrite(const char *path, const struct container *c, unsigned changed)
{
    char folder[PATH_TEXT_MAX];
    struct container_writer *w;
    uint64_t size;
    want_eq(path_join(folder, "data", "segments"), 0);
    want_eq(container_create(path, &w), 0);
    for (unsigned i = 0; i < c->region_count; i++) {
        const struct container_region *r = &c->regions[i];
        uint8_t *bytes = malloc(r->size + 1);
        memcpy(bytes, c->bytes + r->offset, r->size);
        bytes[0] ^= i == changed ? 0x40 : 0;
        want_eq(container_begin(w, r->name, r->unknown, r->size), 0);
        if (r->size)
            want_eq(container_append(w, bytes, r->size), 0);
        free(bytes);
    }
    want_eq(container_finish(w, folder, &size), 0);
}

static void do_damage(uint64_t id, const struct scene *scene, char name[CONTAINER_NAME_MAX])
{
    char path[PATH_TEXT_MAX];
    struct mapping m;
    struct container c;
    struct error e;
    path_of(path, id);
    want_eq(mapping_open(path, &m), 0);
    want_eq(container_parse(m.bytes, m.size, path, &c, &e), 0);
    unsigned at = 0;
    while (at < c.region_count && !is_nth(&c, at, scene->region))
        at++;
    want(at < c.region_count);
    strcpy(name, c.regions[at].name);
    const uint64_t offset = c.regions[at].offset;
    if (scene->damage == WRONG_CONTENT)
        rewrite(path, &c, at);
    container_fini(&c);
    mapping_close(&m);
    if (scene->damage == WRONG_CHECKSUM)
        flip(path, offset);
}

/* -- what is seen of it -- */

struct verified {
    unsigned count;
    char region[CONTAINER_NAME_MAX];
};

static void on_damage(const struct verify_damage *d, void *arg)
{
    struct verified *v = arg;
    v->count++;
    strcpy(v->region, d->region);
}

static struct verified verify(void)
{
    struct verified v = {0};
    struct verify_options o = {.dir = "data", .on_damage = on_damage, .arg = &v};
    struct verify_cursor at = {0};
    struct verify_progress p = {0};
    struct error e = {0};
    while (at.kind != VERIFY_DONE)
        want_eq(verify_step(&o, &at, &p, &e), 0);
    return v;
}

static bool passes(uint32_t n)
{
    return truth[n].there && atoi(truth[n].payload + strlen("{\"n\":")) < 500;
}

/* Searches all points with n < 500, and counts what the filter read. */
static void filtered(struct server *s, const struct collection_config *c, bool column)
{
    static struct point_hit hits[IDS];
    const struct filter ask = {.op = FILTER_TEST,
                               .test = {.op = PREDICATE_RANGE,
                                        .path = "n",
                                        .range = {.high = {VALUE_INTEGER, .integer = 500}, .high_open = true}}};
    const struct filter *bound;
    struct arena arena = {0};
    struct error e = {0};
    struct store_stats before, after;
    float query[DIM] = {0};
    int expected = 0;
    want_eq(filter_bind(&ask, c->schema, "test", &arena, &bound, &e), 0);
    store_stats_read(s->stores[0], &before);
    const struct shard_query q = {.vector = query, .k = IDS, .exact = true, .filter = bound};
    for (uint32_t n = 0; n < IDS; n++)
        expected += passes(n);
    want(expected > 0);
    want_eq(shard_search(store_shard(s->stores[0], c->id), &q, hits), expected);
    store_stats_read(s->stores[0], &after);
    want_eq(after.filters.payload_tests > before.filters.payload_tests, !column);
    arena_fini(&arena);
}

static uint64_t damaged_columns(const struct server *s)
{
    struct store_stats stats;
    store_stats_read(s->stores[0], &stats);
    return stats.damaged_columns;
}

static uint64_t make_sealed(void)
{
    struct server s;
    struct error e = {0};
    struct compaction compaction = {0};
    memset(truth, 0, sizeof(truth));
    server_open(&s, 1);
    struct collection_config c = indexed(&s);
    compaction_start(&compaction, &s);
    for (uint32_t n = 0; n < ROWS; n++)
        upsert(&s, &c, truth, n);
    want_eq(shard_compact(store_shard(s.stores[0], c.id), NULL, &e), 0);
    compaction_stop(&compaction);
    filtered(&s, &c, true);
    const uint64_t id = only_segment(&s, &c);
    server_close(&s);
    return id;
}

static void left_out(void *arg)
{
    const struct scene *scene = arg;
    struct server s;
    struct error e = {0};
    struct compaction compaction = {0};
    char name[CONTAINER_NAME_MAX];
    const uint64_t id = make_sealed();
    do_damage(id, scene, name);

    server_open(&s, 1);
    struct collection_config c = indexed(&s);
    want_eq(damaged_columns(&s), 1);
    want(!shard_damage(store_shard(s.stores[0], c.id)));
    compare(&s, &c, truth);
    filtered(&s, &c, false);
    work(&s);
    filtered(&s, &c, true);
    const struct verified v = verify();
    want_eq(v.count, scene->damage == WRONG_CHECKSUM);
    want(v.count == 0 || strcmp(v.region, name) == 0);

    /* a merge reads the whole file, finds the damage of a column that is not in use, and goes on */
    compaction_start(&compaction, &s);
    erase(&s, &c, truth, 3);
    want_eq(shard_compact(store_shard(s.stores[0], c.id), NULL, &e), 0);
    compaction_stop(&compaction);
    want(only_segment(&s, &c) != id);
    want_eq(damaged_columns(&s), 1);
    filtered(&s, &c, true);
    server_close(&s);

    want_eq(verify().count, 0);
    server_open(&s, 1);
    c = indexed(&s);
    want_eq(damaged_columns(&s), 0);
    compare(&s, &c, truth);
    filtered(&s, &c, true);
    server_close(&s);
}

Test(damaged_column, with_a_wrong_checksum_is_built_again_whichever_region_it_is)
{
    for (unsigned i = 0; i < REGIONS; i++) {
        struct scene scene = {WRONG_CHECKSUM, i};
        world_run_well(BACKEND_SIM, 1, left_out, &scene);
    }
}

Test(damaged_column, with_wrong_contents_is_built_again_whichever_region_it_is)
{
    for (unsigned i = 0; i < REGIONS; i++) {
        struct scene scene = {WRONG_CONTENT, i};
        world_run_well(BACKEND_SIM, 1, left_out, &scene);
    }
}

/* The bytes of a column that is in use are damaged: the merge finds that, and reads payloads. */
static void damaged_in_use(void *arg)
{
    struct server s;
    struct container c;
    struct error e = {0};
    struct compaction compaction = {0};
    (void)arg;
    const uint64_t id = make_sealed();
    server_open(&s, 1);
    struct collection_config config = indexed(&s);
    struct shard *shard = store_shard(s.stores[0], config.id);
    struct segment *g = shard_find_segment(shard, id);
    want(g && segment_column_find(g, 0));
    want_eq(container_parse(g->mapping.bytes, g->mapping.size, "a segment", &c, &e), 0);
    const struct container_region *values = container_find(&c, "c0.values");
    ((uint8_t *)(uintptr_t)g->mapping.bytes)[values->offset] ^= 0x40; /* memory, in the simulator */
    container_fini(&c);
    compaction_start(&compaction, &s);
    erase(&s, &config, truth, 3);
    want_eq(shard_compact(shard, NULL, &e), 0);
    compaction_stop(&compaction);
    want(!shard_damage(shard));
    want(only_segment(&s, &config) != id);
    want_eq(damaged_columns(&s), 1);
    filtered(&s, &config, true);
    server_close(&s);

    want_eq(verify().count, 0);
    server_open(&s, 1);
    config = indexed(&s);
    want_eq(damaged_columns(&s), 0);
    filtered(&s, &config, true);
    server_close(&s);
}

Test(damaged_column, that_is_damaged_while_it_is_used_is_not_copied_by_a_merge)
{
    world_run_well(BACKEND_SIM, 1, damaged_in_use, NULL);
}

/* A file that was just written is read back, and written again when anything in it is wrong. */
static void read_back(void *arg)
{
    const struct scene *scene = arg;
    struct server s;
    struct segment *g;
    struct error e = {0};
    char name[CONTAINER_NAME_MAX], path[PATH_TEXT_MAX];
    const uint64_t id = make_sealed();
    server_open(&s, 1);
    struct collection_config c = indexed(&s);
    const struct manifest_segment m = s.manifest.segments[0];
    want_eq(m.id, id);
    server_close(&s);
    do_damage(id, scene, name);
    path_of(path, id);
    want(segment_read_back(path, &c, &m, &g, &e) < 0);
    want_eq(e.code, ERROR_CORRUPT);
}

Test(damaged_column, of_a_file_just_written_refuses_the_file)
{
    struct scene checksum = {WRONG_CHECKSUM, 0}, content = {WRONG_CONTENT, 0};
    world_run_well(BACKEND_SIM, 1, read_back, &checksum);
    world_run_well(BACKEND_SIM, 1, read_back, &content);
}

static void take_snapshot(struct server *s)
{
    struct snapshot_info info;
    struct manifest m;
    struct error e = {0};
    want_eq(manifest_copy(&s->manifest, &m), 0);
    m.log_end = calloc(1, sizeof(*m.log_end));
    want_eq(store_snapshot_begin(s->stores[0], m.log_start[0], m.log_end), 0);
    want_eq(snapshot_create("data", "one", &m, NULL, &info, &e), 0);
    store_snapshot_end(s->stores[0]);
    manifest_fini(&m);
}

/* The snapshot shares the file. Its check names the damage, and it can be restored. */
static void restored(void *arg)
{
    const struct scene *scene = arg;
    struct server s;
    struct error e = {0};
    struct snapshot_verify check = {0};
    char name[CONTAINER_NAME_MAX];
    const uint64_t id = make_sealed();
    server_open(&s, 1);
    take_snapshot(&s);
    server_close(&s);
    do_damage(id, scene, name);
    want_eq(snapshot_verify_step("data", "one", 0, NULL, &check, &e), -EBADMSG);
    want_eq(folder_restore("data", "one", &e), 0);
    server_open(&s, 1);
    struct collection_config c = indexed(&s);
    want_eq(damaged_columns(&s), 1);
    compare(&s, &c, truth);
    filtered(&s, &c, false);
    server_close(&s);
}

Test(damaged_column, of_a_snapshot_is_named_by_its_check_and_restored)
{
    struct scene checksum = {WRONG_CHECKSUM, 0};
    world_run_well(BACKEND_SIM, 1, restored, &checksum);
}
