/* The manifest through a file of the simulated world, and what damages it. */
#include "../reactor/world.h"
#include "base/checksum.h"
#include "reactor/file.h"
#include "shards/manifest_parse.h"
#include "shards/whole_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct manifest sample(void)
{
    struct manifest m = {.epoch = 4, .log_dir = 6, .reactors = 2, .next_id = 12};
    struct collection_config c = {.id = 7, .dim = 3, .metric = METRIC_COSINE};
    strcpy(c.name, "words");
    c.index = (struct index_options){
        .m = 24, .seed = 9, .code = CODE_RABITQ, .code_bits = 4, .refine = REFINE_BF16, .refine_k = 2.5f};
    want_eq(collection_config_check(&c, NULL), 0);
    m.collections = malloc(sizeof(c));
    m.collections[0] = c;
    m.collection_count = 1;
    m.log_start[1] = 4096;
    want(!manifest_at_rest(&m, 7));
    want_eq(manifest_rest_everywhere(&m, 7), 0);
    want(manifest_at_rest(&m, 7));
    m.log_end = calloc(2, sizeof(*m.log_end));
    m.log_end[1] = 12288;
    struct manifest_edit edit = {.segment = {9, 7, 100, 3, 40, 55}, .epoch = 4, .reactor = 0, .log_start = 8192};
    want_eq(manifest_apply(&m, &edit), 0);
    edit = (struct manifest_edit){.epoch = 3, .reactor = 1, .log_start = 99};
    want_eq(manifest_apply(&m, &edit), 0); /* of an older epoch: the position means nothing here */
    const uint64_t absent[] = {9, 10};
    edit = (struct manifest_edit){.segment = {11, 7, 50, 0, 40, 55}, .removed = absent, .removed_count = 2};
    want_eq(manifest_apply(&m, &edit), -ENOENT);
    want(m.segment_count == 1 && m.segments[0].id == 9);
    edit = (struct manifest_edit){.epoch = 4, .reactor = 1, .stirred = 7};
    want_eq(manifest_apply(&m, &edit), 0);
    return m;
}

static uint8_t bytes[4096];
static size_t size;

static void store_and_load(void *arg)
{
    static struct manifest m, back; /* large, with a sanitizer's margins too large for one frame */
    struct error e = {0};
    m = sample();
    want_eq(manifest_load(world_folder(), &back, &e), 0); /* a new folder has none */
    want_eq(back.reactors, 0);
    manifest_fini(&back);
    want_eq(manifest_store(world_folder(), &m, &e), 0);
    want_eq(manifest_load(world_folder(), &back, &e), 0);
    want(back.epoch == 4 && back.reactors == 2 && back.next_id == 12 && back.collection_count == 1 &&
         back.segment_count == 1);
    want(strcmp(back.collections[0].name, "words") == 0 && back.collections[0].metric == METRIC_COSINE);
    const struct index_options *o = &back.collections[0].index;
    want(o->m == 24 && o->ef_construct == 0 && o->seed == 9 && o->code == CODE_RABITQ && o->code_bits == 4);
    want(o->refine == REFINE_BF16 && o->refine_k == 2.5f && o->links == LINKS_AUTO);
    want(back.segments[0].id == 9 && back.segments[0].version_min == 40 && back.segments[0].version_max == 55);
    want(back.log_start[0] == 8192 && back.log_start[1] == 4096);
    want(back.log_dir == 6 && manifest_log_end(&back, 0) == 0 && manifest_log_end(&back, 1) == 12288);
    want_eq(manifest_log_end(&back, 2), 0);
    want(manifest_rests_on(&back, 7, 0) && !manifest_rests_on(&back, 7, 1) && !manifest_at_rest(&back, 7));
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

static void rest_and_stir(void *arg)
{
    struct manifest m = sample();
    const uint64_t ids[] = {7, 8};
    struct manifest_edit edit = {.epoch = 4, .reactor = 1, .rested = ids, .rested_count = 2};
    want_eq(manifest_apply(&m, &edit), 0);
    want(manifest_at_rest(&m, 7) && !manifest_rests_on(&m, 8, 1)); /* there is no 8 */
    manifest_rests_spread(&m, 130);
    m.reactors = 130;
    want(manifest_at_rest(&m, 7) && manifest_rests_on(&m, 7, 129));
    manifest_stir_on(&m, 7, 129);
    manifest_rests_spread(&m, 1);
    m.reactors = 1;
    want(!manifest_at_rest(&m, 7)); /* on one of the old reactors it was not */
    want_eq(manifest_rest_on(&m, 7, 0), 0);
    edit = (struct manifest_edit){.epoch = 3, .reactor = 0, .rested = ids, .rested_count = 1, .stirred = 7};
    want_eq(manifest_apply(&m, &edit), 0);
    want(!manifest_at_rest(&m, 7)); /* another epoch's edit makes nothing rest, and may stir */
    manifest_fini(&m);
}

Test(manifest, a_collection_rests_when_it_does_so_on_every_reactor)
{
    world_run_well(BACKEND_SIM, 1, rest_and_stir, NULL);
}

Test(manifest, every_flipped_bit_and_every_cut_is_refused)
{
    world_run_well(BACKEND_SIM, 1, store_and_load, NULL);
    struct manifest m;
    struct error e;
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert(manifest_parse(bytes, size, &m, "manifest", &e) < 0, "bit %zu", bit);
        cr_assert_eq(e.code, ERROR_CORRUPT, "bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < size; n++)
        cr_assert(manifest_parse(bytes, n, &m, "manifest", &e) < 0);
    cr_assert_eq(manifest_parse(bytes, size, &m, "manifest", &e), 0);
    manifest_fini(&m);
}

Test(manifest, a_newer_format_names_both_versions)
{
    world_run_well(BACKEND_SIM, 1, store_and_load, NULL);
    struct manifest m;
    struct error e;
    bytes[4] = 9;
    uint32_t crc = checksum_crc32c(9, bytes + 16, size - 16);
    memcpy(bytes + 12, &crc, sizeof(crc));
    cr_assert_eq(manifest_parse(bytes, size, &m, "manifest", &e), -EPROTONOSUPPORT);
    cr_assert(strstr(e.text, "format 9") && strstr(e.text, "newer"), "%s", e.text);
}
