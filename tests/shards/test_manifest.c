/* Tests the manifest: it is written to a file of the simulated world and read back, and damage is
 * found. */
#include "../columns/one_vector.h"
#include "../reactor/world.h"
#include "base/checksum.h"
#include "columns/column.h"
#include "reactor/fibers/sync.h"
#include "reactor/file.h"
#include "shards/folder/whole_file.h"
#include "shards/manifest/manifest_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct manifest sample(void)
{
    struct manifest m = {.epoch = 4, .log_dir = 6, .reactors = 2, .next_id = 12};
    struct collection_config c = {.id = 7};
    const struct index_options index = {
        .m = 24, .seed = 9, .code = CODE_RABITQ, .code_bits = 4, .refine = REFINE_BF16, .refine_k = 2.5f};
    strcpy(c.name, "words");
    c.schema = one_vector_indexed(3, METRIC_COSINE, index);
    want_eq(collection_config_check(&c, NULL), 0);
    want_eq(manifest_add(&m, &c), 0);
    m.log_start[1] = 4096;
    want(!manifest_is_clean(&m, 7));
    manifest_clean_everywhere(&m, 7);
    want(manifest_is_clean(&m, 7));
    m.log_end = calloc(2, sizeof(*m.log_end));
    m.log_end[1] = 12288;
    struct manifest_edit edit = {.segment = {9, 7, 100, 3, 40, 55}, .epoch = 4, .reactor = 0, .log_start = 8192};
    want_eq(manifest_apply(&m, &edit), 0);
    edit = (struct manifest_edit){.epoch = 3, .reactor = 1, .log_start = 99};
    want_eq(manifest_apply(&m, &edit), 0); /* a position of an older epoch is ignored */
    const uint64_t absent[] = {9, 10};
    edit = (struct manifest_edit){.segment = {11, 7, 50, 0, 40, 55}, .removed = absent, .removed_count = 2};
    want_eq(manifest_apply(&m, &edit), -ENOENT);
    want(m.segment_count == 1 && m.segments[0].id == 9);
    const uint64_t twice[] = {12, 12};
    edit = (struct manifest_edit){.segment = {12, 7, 50, 0, 40, 55}};
    want_eq(manifest_apply(&m, &edit), 0);
    edit = (struct manifest_edit){.removed = twice, .removed_count = 2};
    want_eq(manifest_apply(&m, &edit), 0);
    want(m.segment_count == 1 && m.segments[0].id == 9);
    edit = (struct manifest_edit){.epoch = 4, .reactor = 1, .dirtied = 7};
    want_eq(manifest_apply(&m, &edit), 0);
    return m;
}

static uint8_t bytes[8192];
static size_t size;

static void store_and_load(void *arg)
{
    static struct manifest m, back; /* with a sanitizer too large for a stack frame */
    struct error e = {0};
    m = sample();
    want_eq(manifest_load(world_folder(), &back, NULL, &e), 0); /* a new folder has no manifest */
    want_eq(back.reactors, 0);
    manifest_fini(&back);
    want_eq(manifest_store(world_folder(), &m, &e), 0);
    want_eq(manifest_load(world_folder(), &back, NULL, &e), 0);
    want(back.epoch == 4 && back.reactors == 2 && back.next_id == 12 && back.collection_count == 1 &&
         back.segment_count == 1);
    want(strcmp(back.collections[0].name, "words") == 0 &&
         collection_vector(&back.collections[0])->metric == METRIC_COSINE);
    const struct index_options *o = &collection_vector(&back.collections[0])->index;
    want(o->m == 24 && o->ef_construct == 0 && o->seed == 9 && o->code == CODE_RABITQ && o->code_bits == 4);
    want(o->refine == REFINE_BF16 && o->refine_k == 2.5f && o->links == LINKS_AUTO);
    want(back.segments[0].id == 9 && back.segments[0].version_min == 40 && back.segments[0].version_max == 55);
    want(back.log_start[0] == 8192 && back.log_start[1] == 4096);
    want(back.log_dir == 6 && manifest_log_end(&back, 0) == 0 && manifest_log_end(&back, 1) == 12288);
    want_eq(manifest_log_end(&back, 2), 0);
    want(manifest_is_clean_on(&back, 7, 0) && !manifest_is_clean_on(&back, 7, 1) && !manifest_is_clean(&back, 7));
    manifest_fini(&back);
    manifest_fini(&m);
    char path[PATH_TEXT_MAX];
    struct file *f;
    want_eq(path_join(path, world_folder(), "manifest"), 0);
    want_eq(file_open(path, FILE_READ, &f), 0);
    int64_t n = file_read(f, bytes, sizeof(bytes), 0);
    want(n > 0);
    size = (size_t)n;
    file_close(f);
}

Test(manifest, comes_back_as_it_was_stored)
{
    world_run_well(BACKEND_SIM, 1, store_and_load, NULL);
}

static void clean_and_dirty(void *arg)
{
    struct manifest m = sample();
    const uint64_t ids[] = {7, 8};
    struct manifest_edit edit = {.epoch = 4, .reactor = 1, .cleaned = ids, .cleaned_count = 2};
    want_eq(manifest_apply(&m, &edit), 0);
    want(manifest_is_clean(&m, 7) && !manifest_is_clean_on(&m, 8, 1));
    manifest_clean_extend(&m, 130);
    m.reactors = 130;
    want(manifest_is_clean(&m, 7) && manifest_is_clean_on(&m, 7, 129));
    manifest_dirty_on(&m, 7, 129);
    manifest_clean_extend(&m, 1);
    m.reactors = 1;
    want(!manifest_is_clean(&m, 7)); /* it was dirty on one of the old reactors */
    manifest_clean_on(&m, 7, 0);
    edit = (struct manifest_edit){.epoch = 3, .reactor = 0, .cleaned = ids, .cleaned_count = 1, .dirtied = 7};
    want_eq(manifest_apply(&m, &edit), 0);
    want(!manifest_is_clean(&m, 7)); /* another epoch's edit cleans nothing */
    manifest_fini(&m);
}

Test(manifest, a_collection_rests_when_it_does_so_on_every_reactor)
{
    world_run_well(BACKEND_SIM, 1, clean_and_dirty, NULL);
}

static int parse(const void *from, size_t n, struct manifest *m, struct manifest_tail *tail, struct error *e)
{
    return manifest_parse(from, n, m, tail, NULL, "manifest", e);
}

Test(manifest, every_flipped_bit_and_every_cut_of_a_state_is_refused)
{
    world_run_well(BACKEND_SIM, 1, store_and_load, NULL);
    static struct manifest m;
    struct error e;
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert(parse(bytes, size, &m, NULL, &e) < 0, "bit %zu", bit);
        cr_assert(e.code == ERROR_CORRUPT || (e.code == ERROR_VERSION && bit / 8 == 4), "bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < size; n++)
        cr_assert(parse(bytes, n, &m, NULL, &e) < 0);
    cr_assert_eq(parse(bytes, size, &m, NULL, &e), 0);
    manifest_fini(&m);
}

/* -- changes -- */

#define CHANGES 7

static size_t ends[CHANGES + 1]; /* the size of the file after each number of changes */

static const struct collection_config *named(uint64_t id)
{
    static struct collection_config c;
    c = (struct collection_config){.id = id, .schema = one_vector(4, METRIC_L2)};
    snprintf(c.name, sizeof(c.name), "c%d", (int)id);
    want_eq(collection_config_check(&c, NULL), 0);
    return &c;
}

static int make_one(struct manifest_log *l, const struct manifest_change *change)
{
    struct manifest_waiter w;
    manifest_log_add(l, &w, change);
    while (!w.done)
        manifest_log_write(l);
    return w.rc;
}

static struct schema *with_field(const struct schema *s)
{
    const struct field_spec field = {.kind = column_kind_named("integer")->id, .path = "a.b"};
    struct schema *next;
    want_eq(schema_change(s, &(struct schema_change){.add_field = &field}, "c", &next, NULL), 0);
    return next;
}

static size_t read_file(void)
{
    char path[PATH_TEXT_MAX];
    struct file *f;
    want_eq(path_join(path, world_folder(), "manifest"), 0);
    want_eq(file_open(path, FILE_READ, &f), 0);
    int64_t n = file_read(f, bytes, sizeof(bytes), 0);
    want(n > 0 && (size_t)n < sizeof(bytes));
    file_close(f);
    return (size_t)n;
}

static void make_changes(void *arg)
{
    static struct manifest m;
    struct manifest_log l;
    m = sample();
    manifest_log_open(&l, world_folder(), &m);
    const uint64_t removed[] = {9}, cleaned[] = {20, 99};
    const struct manifest_edit sealed = {
        .segment = {31, 20, 5, 0, 60, 70}, .epoch = 4, .reactor = 1, .log_start = 9000};
    const struct manifest_edit merged = {.removed = removed, .removed_count = 1, .epoch = 4};
    const struct manifest_edit dirtied = {.dirtied = 20, .epoch = 4, .reactor = 1};
    const struct manifest_edit quiet = {.cleaned = cleaned, .cleaned_count = 2, .epoch = 4, .reactor = 1};
    want_eq(make_one(&l, &(struct manifest_change){.create = named(20)}), 0);
    ends[1] = read_file();
    want_eq(make_one(&l, &(struct manifest_change){.edit = &sealed}), 0);
    ends[2] = read_file();
    want_eq(make_one(&l, &(struct manifest_change){.edit = &merged}), 0);
    ends[3] = read_file();
    want_eq(make_one(&l, &(struct manifest_change){.edit = &dirtied}), 0);
    ends[4] = read_file();
    want_eq(make_one(&l, &(struct manifest_change){.edit = &quiet}), 0);
    ends[5] = read_file();
    const struct manifest_schema added = {20, with_field(named(20)->schema)};
    want_eq(make_one(&l, &(struct manifest_change){.schema = &added}), 0);
    ends[6] = read_file();
    /* the schema has that version already */
    want_eq(make_one(&l, &(struct manifest_change){.schema = &added}), -ESTALE);
    want_eq(make_one(&l, &(struct manifest_change){.drop = 20}), 0);
    ends[7] = size = read_file();
    ends[0] = l.extent.state_bytes;
    want_eq(make_one(&l, &(struct manifest_change){.create = named(7)}), -EEXIST);
    want_eq(make_one(&l, &(struct manifest_change){.drop = 20}), -ENOENT);
    want_eq(make_one(&l, &(struct manifest_change){.schema = &added}), -ENOENT);
    schema_release(added.schema);
    want_eq(make_one(&l, &(struct manifest_change){.edit = &merged}), -ENOENT);
    want_eq(read_file(), size); /* a refused change is not written */
    want(m.next_id == 21 && m.segment_count == 0 && m.log_start[1] == 9000);
    manifest_log_close(&l);
    manifest_fini(&m);
}

/* Whether m is the state after the first `changes` changes. */
static bool is_after(const struct manifest *m, unsigned changes)
{
    const bool created = changes >= 1 && changes < 7;
    const struct collection_config *c = manifest_find(m, 20);
    if (c && (c->schema->version != 1u + (changes >= 6) || !schema_find_field(c->schema, "a.b") != (changes < 6)))
        return false;
    return (c != NULL) == created && (manifest_find_name(m, "c20") != NULL) == created &&
           m->segment_count == (size_t)(1 + (changes >= 2) - (changes >= 3) - (changes >= 7)) &&
           m->log_start[1] == (changes >= 2 ? 9000u : 4096u) &&
           manifest_is_clean_on(m, 20, 1) == (created && changes != 4) && !manifest_find(m, 99);
}

Test(manifest, changes_are_found_up_to_the_last_whole_one)
{
    world_run_well(BACKEND_SIM, 1, make_changes, NULL);
    static struct manifest m;
    struct manifest_tail tail;
    struct error e;
    unsigned whole = 0;
    for (size_t n = ends[0]; n <= size; n++) {
        while (whole < CHANGES && n >= ends[whole + 1])
            whole++;
        cr_assert_eq(parse(bytes, n, &m, &tail, &e), 0);
        cr_assert(is_after(&m, whole), "%zu bytes, %u changes", n, whole);
        cr_assert(tail.offset == ends[whole] && tail.bytes == n - ends[whole]);
        manifest_fini(&m);
    }
    cr_assert_eq(whole, CHANGES);
}

Test(manifest, a_damaged_change_is_the_torn_end_or_refused)
{
    world_run_well(BACKEND_SIM, 1, make_changes, NULL);
    static struct manifest m;
    struct error e;
    for (size_t bit = ends[0] * 8; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int rc = parse(bytes, size, &m, NULL, &e);
        if (bit / 8 < ends[CHANGES - 1]) {
            cr_assert(rc < 0 && e.code == ERROR_CORRUPT, "bit %zu", bit);
        } else {
            cr_assert(rc == 0 && is_after(&m, CHANGES - 1), "bit %zu", bit);
            manifest_fini(&m);
        }
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static struct {
    struct manifest manifest;
    struct manifest_log log;
    struct semaphore lock;
    uint32_t left;
} shared;

/* Creates and drops collections of its own. */
static void creator(void *arg)
{
    const uint64_t first = (uint64_t)(uintptr_t)arg * 1000;
    for (uint64_t i = 1; i <= 60; i++) {
        struct collection_config c = *named(first + i);
        const struct manifest_change create = {.create = &c}, drop = {.drop = first + i / 2};
        struct manifest_waiter w;
        const bool drops = i % 2 == 0;
        manifest_log_add(&shared.log, &w, drops ? &drop : &create);
        semaphore_acquire(&shared.lock, 1);
        while (!w.done)
            manifest_log_write(&shared.log);
        semaphore_release(&shared.lock, 1);
        want_eq(w.rc, !drops ? 0 : i / 2 % 2 ? 0 : -ENOENT); /* even ones were not created */
    }
    shared.left--;
}

static void many_at_once(void *arg)
{
    struct error e = {0};
    static struct manifest back;
    want_eq(manifest_load(world_folder(), &shared.manifest, NULL, &e), 0);
    shared.manifest.reactors = 1;
    manifest_log_open(&shared.log, world_folder(), &shared.manifest);
    semaphore_init(&shared.lock, 1, ORDER_NONE);
    for (shared.left = 0; shared.left < 40; shared.left++)
        want_eq(fiber_start(CLASS_WRITE, creator, (void *)(uintptr_t)(shared.left + 1), "creator"), 0);
    while (shared.left)
        fiber_sleep_ns(MILLIS(1));
    want(shared.log.extent.blocks < 40 * 60 / 4);
    manifest_log_close(&shared.log);
    want_eq(manifest_load(world_folder(), &back, NULL, &e), 0);
    want(back.collection_count == shared.manifest.collection_count && back.collection_count == 40 * 15);
    for (size_t i = 0; i < back.collection_count; i++)
        want(manifest_find_name(&shared.manifest, back.collections[i].name));
    manifest_fini(&back);
    manifest_fini(&shared.manifest);
}

Test(manifest, changes_of_many_are_made_durable_together)
{
    world_run_well(BACKEND_SIM, 1, many_at_once, NULL);
}

/* A program with other kinds, such as a newer version, wrote the folder. */
static void unknown_kinds(void *arg)
{
    static struct manifest m, back;
    for (int columns = 0; columns < 2; columns++) {
        struct error e = {0};
        m = sample();
        struct schema *schema = with_field(m.collections[0].schema);
        schema->fields[0].kind = columns ? 999 : schema->fields[0].kind;
        schema->vectors[0].index.kind = columns ? schema->vectors[0].index.kind : 999;
        collection_config_replace(&m.collections[0], schema);
        want_eq(manifest_store(world_folder(), &m, &e), 0);
        want_eq(manifest_load(world_folder(), &back, NULL, &e), -EPROTONOSUPPORT);
        want(e.code == ERROR_VERSION && strstr(e.text, "does not know; use the newer version"));
        manifest_fini(&m);
    }
}

Test(manifest, a_kind_of_index_or_column_that_is_unknown_asks_for_a_newer_version)
{
    world_run_well(BACKEND_SIM, 1, unknown_kinds, NULL);
}

Test(manifest, a_newer_and_an_older_format_name_both_versions)
{
    world_run_well(BACKEND_SIM, 1, store_and_load, NULL);
    static struct manifest m;
    struct error e;
    bytes[4] = 9;
    uint32_t crc = checksum_crc32c(0, bytes, 16);
    memcpy(bytes + 16, &crc, sizeof(crc));
    cr_assert_eq(parse(bytes, size, &m, NULL, &e), -EPROTONOSUPPORT);
    cr_assert(strstr(e.text, "format 9") && strstr(e.text, "newer"), "%s", e.text);
    bytes[4] = 2;
    crc = checksum_crc32c(0, bytes, 16);
    memcpy(bytes + 16, &crc, sizeof(crc));
    cr_assert_eq(parse(bytes, size, &m, NULL, &e), -EPROTONOSUPPORT);
    cr_assert(strstr(e.text, "format 2") && strstr(e.text, "older"), "%s", e.text);
    bytes[4] = 1;
    cr_assert_eq(parse(bytes, size, &m, NULL, &e), -EPROTONOSUPPORT);
    cr_assert(strstr(e.text, "format 1") && strstr(e.text, "older"), "%s", e.text);
}
