/* Tests the regions of a segment's file: names lead to owners and back. A region that a newer
 * version wrote is ignored, kept by merges or refused, as its flag says. */
#include "shards/segment/segment_file.h"
#include "stores.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEWER "x.notes" /* a region that this version does not know */

Test(segment_file, names_of_regions_lead_back_to_their_owners)
{
    const uint16_t numbers[] = {0, 1, 9, 10, 255, 256, UINT16_MAX};
    char name[CONTAINER_NAME_MAX];
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        for (const char *kind = "vc"; *kind; kind++) {
            const struct region_owner o = region_owner(region_name(name, *kind, numbers[i], "fifteen_letters"));
            cr_assert(o.kind == *kind && o.number == numbers[i], "%s", name);
            cr_assert_str_eq(o.rest, "fifteen_letters");
        }
    static const char *const unknown[] = {"",      "v",        "v.codes", "vx.codes", "v0codes", "v65536.a",
                                          "c-1.a", "x0.codes", "segment", "row.ids",  NEWER};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        cr_assert_eq(region_owner(unknown[i]).kind, 0, "%s", unknown[i]);
    static const char *const known[] = {REGION_SEG_META,      REGION_SEG_TOMBSTONES, REGION_ROWS_IDS,
                                        REGION_ROWS_VERSIONS, REGION_PAYLOAD_ENDS,   REGION_PAYLOAD_BYTES};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        cr_assert_eq(region_owner(known[i]).kind, 's', "%s", known[i]);
}

/* -- a region that this version does not know -- */

static void path_of(char path[PATH_TEXT_MAX], char folder[PATH_TEXT_MAX], uint64_t id)
{
    char name[32];
    snprintf(name, sizeof(name), "%016llx.seg", (unsigned long long)id);
    want_eq(path_join(folder, "data", "segments"), 0);
    want_eq(path_join(path, folder, name), 0);
}

/* Adds the region NEWER to the file of a segment, as a newer version would. */
static void add_region(uint64_t id, enum container_unknown unknown, const char *text)
{
    char path[PATH_TEXT_MAX], folder[PATH_TEXT_MAX];
    struct mapping m;
    struct container c;
    struct container_writer *w;
    struct error e;
    uint64_t size;
    path_of(path, folder, id);
    want_eq(mapping_open(path, &m), 0);
    want_eq(container_parse(m.bytes, m.size, path, &c, &e), 0);
    want_eq(container_create(path, &w), 0);
    for (unsigned i = 0; i < c.region_count; i++) {
        const struct container_region *r = &c.regions[i];
        want_eq(container_begin(w, r->name, r->unknown, r->size), 0);
        if (r->size)
            want_eq(container_append(w, m.bytes + r->offset, r->size), 0);
    }
    want_eq(container_begin(w, NEWER, unknown, strlen(text)), 0);
    want_eq(container_append(w, text, strlen(text)), 0);
    want_eq(container_finish(w, folder, &size), 0);
    container_fini(&c);
    mapping_close(&m);
}

/* Reads the region; "-": the file has none. */
static void read_region(uint64_t id, char ret[64])
{
    char path[PATH_TEXT_MAX], folder[PATH_TEXT_MAX];
    struct mapping m;
    struct container c;
    struct error e;
    path_of(path, folder, id);
    want_eq(mapping_open(path, &m), 0);
    want_eq(container_parse(m.bytes, m.size, path, &c, &e), 0);
    const struct container_region *r = container_find(&c, NEWER);
    snprintf(ret, 64, "%.*s", r ? (int)r->size : 1, r ? (const char *)m.bytes + r->offset : "-");
    container_fini(&c);
    mapping_close(&m);
}

static unsigned segments_of(const struct server *s, const struct collection_config *c, struct segment_info *infos)
{
    return shard_segments(store_shard(s->stores[0], c->id), infos, 8);
}

/* Makes two sealed segments in one store. ids: their ids. */
static struct collection_config two_segments(struct server *s, struct truth *truth, uint64_t ids[2])
{
    static struct segment_info infos[8];
    struct error e = {0};
    struct compaction compaction = {0};
    server_open(s, 1);
    struct collection_config c = create(s);
    compaction_start(&compaction, s);
    for (uint32_t half = 0; half < 2; half++) {
        for (uint32_t n = half * 50; n < half * 50 + 50; n++)
            upsert(s, &c, truth, n);
        want_eq(shard_seal(store_shard(s->stores[0], c.id), NULL, &e), 0);
    }
    compaction_stop(&compaction);
    unsigned found = 0;
    for (unsigned i = segments_of(s, &c, infos); i-- > 0;)
        if (infos[i].state == SEGMENT_SEALED && found < 2)
            ids[found++] = infos[i].id;
    want_eq(found, 2);
    server_close(s);
    return c;
}

static void merge_kept(void *arg)
{
    static struct truth truth[IDS];
    static struct segment_info infos[8];
    const enum container_unknown unknown = *(const enum container_unknown *)arg;
    struct server s;
    struct error e = {0};
    struct compaction compaction = {0};
    uint64_t ids[2];
    char text[64];
    memset(truth, 0, sizeof(truth));
    two_segments(&s, truth, ids);
    add_region(ids[0], unknown, "one,");
    add_region(ids[1], unknown, "two,");
    server_open(&s, 1);
    struct collection_config c = create(&s);
    compare(&s, &c, truth);
    compaction_start(&compaction, &s);
    want_eq(shard_compact(store_shard(s.stores[0], c.id), NULL, &e), 0);
    compaction_stop(&compaction);
    compare(&s, &c, truth);
    uint64_t merged = 0;
    for (unsigned i = segments_of(&s, &c, infos); i-- > 0;)
        merged = infos[i].state == SEGMENT_SEALED ? infos[i].id : merged;
    server_close(&s);
    read_region(merged, text);
    if (unknown == CONTAINER_KEEP)
        want(strcmp(text, "one,two,") == 0 || strcmp(text, "two,one,") == 0);
    else
        want(strcmp(text, "-") == 0);
}

Test(segment_file, a_merge_keeps_what_it_does_not_understand_if_asked)
{
    enum container_unknown keep = CONTAINER_KEEP;
    world_run_well(BACKEND_SIM, 1, merge_kept, &keep);
}

Test(segment_file, a_merge_leaves_out_what_can_be_made_again)
{
    enum container_unknown ignore = CONTAINER_IGNORE;
    world_run_well(BACKEND_SIM, 1, merge_kept, &ignore);
}

static void open_newer(void *arg)
{
    static struct truth truth[IDS];
    struct server s;
    struct segment *g;
    struct error e = {0};
    uint64_t ids[2];
    char path[PATH_TEXT_MAX], folder[PATH_TEXT_MAX];
    (void)arg;
    memset(truth, 0, sizeof(truth));
    struct collection_config c = two_segments(&s, truth, ids);
    add_region(ids[0], CONTAINER_NEED, "must be read");
    path_of(path, folder, ids[0]);
    const struct manifest_segment m = {.id = ids[0], .collection = c.id, .rows = 50};
    want(segment_open(path, &c, &m, UINT64_MAX, &g, &e) < 0);
    want_eq(e.code, ERROR_VERSION);
    want(strstr(e.text, "'" NEWER "'") != NULL);
}

Test(segment_file, one_that_must_be_understood_is_refused_by_name)
{
    world_run_well(BACKEND_SIM, 1, open_newer, NULL);
}
