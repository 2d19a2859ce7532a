/* Tests the verification of a whole folder with deliberate damage. Every place that a checksum
 * covers is damaged. Each damage must be reported once, with file, offset and region. Damage of
 * files that the server does not need is not reported. */
#include "../columns/one_vector.h"
#include "../reactor/world.h"
#include "base/checksum.h"
#include "reactor/file.h"
#include "shards/folder/whole_file.h"
#include "shards/log/log.h"
#include "shards/log/log_block.h"
#include "shards/log/record.h"
#include "shards/manifest/manifest.h"
#include "shards/verify/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES    (8 * LOG_UNIT)
#define GROUPS        20
#define DAMAGES       8
#define LARGE_PAYLOAD (3u << 20) /* bytes; more than two blocks */

struct found {
    struct verify_damage damages[DAMAGES];
    unsigned count;
    uint64_t durable; /* the position up to which the log must be right; 0: as the log says */
};

static void on_damage(const struct verify_damage *d, void *arg)
{
    struct found *f = arg;
    want(f->count < DAMAGES);
    f->damages[f->count++] = *d;
}

static int durable_of(unsigned reactor, uint64_t *ret, void *arg)
{
    *ret = ((struct found *)arg)->durable;
    return 0;
}

/* -- a folder -- */

static char *in(const char *dir, const char *name)
{
    static char path[PATH_TEXT_MAX];
    want_eq(path_join(path, dir, "%s", name), 0);
    return path;
}

static void make_segment(const char *dir, uint64_t id)
{
    static const struct {
        const char *name;
        uint64_t size;
    } regions[] = {{"small", 100}, {"none", 0}, {"large", CONTAINER_SLICE + 5000}, {"last", 70000}};
    char name[64], segments[PATH_TEXT_MAX];
    uint64_t bytes;
    struct container_writer *w;
    uint8_t *content = malloc(CONTAINER_SLICE + 5000);
    for (size_t i = 0; i < CONTAINER_SLICE + 5000; i++) {
        if (i % 65536 == 0)
            fiber_checkpoint(); /* writing 16 MiB takes longer than a slice */
        content[i] = (uint8_t)(i * 31 + id);
    }
    snprintf(name, sizeof(name), "segments/%016llx.seg", (unsigned long long)id);
    want_eq(path_join(segments, dir, "segments"), 0);
    want_eq(container_create(in(dir, name), &w), 0);
    for (size_t i = 0; i < ARRAY_LEN(regions); i++) {
        want_eq(container_begin(w, regions[i].name, CONTAINER_IGNORE, regions[i].size), 0);
        if (regions[i].size)
            want_eq(container_append(w, content, regions[i].size), 0);
    }
    want_eq(container_finish(w, segments, &bytes), 0);
    free(content);
}

/* Appends a point of collection 1 as a separate group. */
static void append_point(struct log *l, uint64_t version, uint32_t payload_size)
{
    static const uint8_t payload[LARGE_PAYLOAD];
    static const float vector[2];
    const struct record_part parts[] = {{RECORD_VECTOR, 0, sizeof(vector), vector},
                                        {RECORD_PAYLOAD, 0, payload_size, payload}};
    const struct record r = {RECORD_UPSERT, 0, 1, version, {0, version}, 0, parts, ARRAY_LEN(parts)};
    struct record_room room = {0};
    struct record_list list;
    record_room_add(&room, &r);
    want_eq(record_list_init(&list, &room), 0);
    record_list_add(&list, &r);
    want_eq(log_append(l, list.slices, list.count, DURABILITY_FLUSH), 0);
    record_list_fini(&list, NULL);
}

static struct log *open_log(const char *dir, unsigned reactor)
{
    char path[PATH_TEXT_MAX];
    struct log *l;
    struct error e = {0};
    want_eq(path_join(path, dir, "log/1"), 0);
    struct log_options o = {.dir = path, .epoch = 1, .reactor = reactor, .file_bytes = FILE_BYTES};
    want_eq(log_open(&o, (struct log_end){0}, &l, &e), 0);
    return l;
}

/* Returns the position up to which the log is durable. */
static uint64_t make_log(const char *dir, unsigned reactor)
{
    struct log *l = open_log(dir, reactor);
    for (uint32_t i = 0; i < GROUPS; i++)
        append_point(l, i + 1, 900 + i * 250);
    uint64_t durable = log_durable(l);
    log_close(l);
    return durable;
}

static uint64_t make_folder(const char *dir)
{
    struct manifest_segment segments[2] = {{.id = 5, .collection = 1}, {.id = 8, .collection = 2}};
    struct manifest m = {
        .epoch = 1, .log_dir = 1, .reactors = 2, .next_id = 9, .segments = segments, .segment_count = 2};
    want_eq(directory_create(in(dir, "log")), 0);
    want_eq(directory_create(in(dir, "log/1")), 0);
    want_eq(directory_create(in(dir, "segments")), 0);
    want_eq(manifest_store(dir, &m, NULL), 0);
    make_segment(dir, 5);
    make_segment(dir, 8);
    (void)make_log(dir, 0);
    return make_log(dir, 1);
}

static void flip(const char *dir, const char *name, uint64_t offset)
{
    struct file *f;
    uint8_t byte;
    want_eq(file_open(in(dir, name), FILE_WRITE, &f), 0);
    want_eq(file_read(f, &byte, 1, offset), 1);
    byte ^= 0x10;
    want_eq(file_write(f, &byte, 1, offset), 0);
    file_close(f);
}

/* Changes bytes of the block at `offset` and corrects its checksum. */
static void change_block(const char *path, uint64_t offset, size_t at, const void *to, size_t size)
{
    static uint8_t bytes[LOG_BLOCK_PAYLOAD_MAX + LOG_UNIT];
    struct log_block b;
    struct file *f;
    want_eq(file_open(path, FILE_WRITE, &f), 0);
    want(file_read(f, bytes, sizeof(bytes), offset) > 0);
    want(log_block_read(bytes, sizeof(bytes), &b));
    memcpy(bytes + at, to, size);
    const uint32_t crc = checksum_crc32c(0, bytes + 8, LOG_BLOCK_HEADER - 8 + b.size);
    memcpy(bytes + 4, &crc, sizeof(crc));
    want_eq(file_write(f, bytes, LOG_BLOCK_HEADER + b.size, offset), 0);
    file_close(f);
}

/* Gives the block another format, as another version would. */
static void reformat(const char *path, uint64_t offset, uint16_t format)
{
    change_block(path, offset, 42, &format, sizeof(format));
}

/* -- verifying the folder -- */

static void verify(const char *dir, uint64_t collection, uint64_t step, struct found *f, struct verify_progress *p)
{
    struct verify_options o = {.dir = dir,
                               .collection = collection,
                               .bytes_max = step,
                               .log_durable = f->durable ? durable_of : NULL,
                               .on_damage = on_damage,
                               .arg = f};
    struct verify_cursor at = {0};
    struct error e = {0};
    *p = (struct verify_progress){0};
    f->count = 0;
    for (unsigned steps = 0; at.kind != VERIFY_DONE; steps++) {
        want(steps < 10000);
        if (verify_step(&o, &at, p, &e) < 0)
            world_fail(__FILE__, __LINE__, e.text);
    }
    want_eq(p->damages, f->count);
}

static void want_one(const char *dir, const char *file, const char *region, uint64_t offset)
{
    struct found f = {0};
    struct verify_progress p;
    verify(dir, 0, 0, &f, &p);
    want_eq(f.count, 1);
    if (strcmp(f.damages[0].file, file) != 0)
        world_fail(__FILE__, __LINE__, f.damages[0].file);
    if (strcmp(f.damages[0].region, region) != 0)
        world_fail(__FILE__, __LINE__, f.damages[0].region);
    want_eq(f.damages[0].offset, offset);
    want(f.damages[0].what[0]);
}

static void all_right(void *arg)
{
    const char *dir = world_folder();
    struct found f = {0};
    struct verify_progress whole, stepped, one;
    f.durable = make_folder(dir);
    verify(dir, 0, 0, &f, &whole);
    want_eq(f.count, 0);
    want_eq(whole.bytes, whole.bytes_total);
    want(whole.bytes > 2 * CONTAINER_SLICE + f.durable);
    verify(dir, 0, 10000, &f, &stepped);
    want_eq(f.count, 0);
    want(stepped.bytes == whole.bytes && stepped.bytes_total == whole.bytes && stepped.files == whole.files);
    verify(dir, 2, 0, &f, &one);
    want(one.files == 2 && one.bytes == one.bytes_total && one.bytes < whole.bytes / 2 + 1000);
    /* after an orderly stop its mark covers the last group and the block behind it */
    f.durable = 0;
    verify(dir, 0, 0, &f, &one);
    want_eq(f.count, 0);
    want(one.bytes == one.bytes_total && one.bytes == whole.bytes + 2 * LOG_UNIT);
}

EVERYWHERE(verify, a_good_folder_has_no_damage_in_one_step_or_in_many)
{
    world_run_well(backend, 1, all_right, NULL);
}

static void settings(void *arg)
{
    static const char text[] = "kith settings 1\nsearch.ef 200\ncrc32c 00000000\n";
    const char *dir = world_folder();
    struct found f = {0};
    struct verify_progress p;
    (void)make_folder(dir);
    verify(dir, 0, 0, &f, &p);
    want_eq(f.count, 0); /* settings without a checksum */
    want_eq(whole_file_replace(dir, "settings", text, sizeof(text) - 1), 0);
    want_one(dir, "settings", "", 0);
    char right[sizeof(text)];
    uint32_t crc = checksum_crc32c(0, text, strlen(text) - 16);
    snprintf(right, sizeof(right), "%.*scrc32c %08x\n", (int)strlen(text) - 16, text, crc);
    want_eq(whole_file_replace(dir, "settings", right, strlen(right)), 0);
    verify(dir, 0, 0, &f, &p);
    want_eq(f.count, 0);
}

EVERYWHERE(verify, damaged_settings_are_named)
{
    world_run_well(backend, 1, settings, NULL);
}

static void segments(void *arg)
{
    const char *dir = world_folder(), *name = "segments/0000000000000005.seg";
    struct file *f;
    (void)make_folder(dir);
    want_eq(file_open(in(dir, name), FILE_READ, &f), 0);
    uint64_t size = (uint64_t)file_size(f), large = 4096, tail = large + CONTAINER_SLICE;
    uint64_t last = (tail + 5000 + 4095) & ~(uint64_t)4095;
    file_close(f);
    const struct {
        uint64_t at;
        const char *region;
        uint64_t offset;
    } hits[] = {
        {0, "directory", 0},
        {64 + 99, "small", 64},
        {large, "large", large},
        {tail - 1, "large", large},
        {tail + 4999, "large", tail},
        {last + 69999, "last", last},
        {size - 1, "directory", size - 32},
    };
    for (size_t i = 0; i < ARRAY_LEN(hits); i++) {
        flip(dir, name, hits[i].at);
        want_one(dir, name, hits[i].region, hits[i].offset);
        flip(dir, name, hits[i].at);
    }
    flip(dir, name, tail - 1);
    flip(dir, name, tail);
    struct found found = {0};
    struct verify_progress p;
    verify(dir, 0, 1, &found, &p); /* both damages are found, and files behind them are verified */
    want(found.count == 2 && p.bytes == p.bytes_total);
    verify(dir, 2, 0, &found, &p); /* the damage is in another collection */
    want_eq(found.count, 0);
    flip(dir, name, tail - 1);
    flip(dir, name, tail);
    want_eq(file_remove(in(dir, name)), 0);
    want_one(dir, name, "", 0);
}

EVERYWHERE(verify, damage_in_a_segment_is_named_by_region_and_offset)
{
    world_run_well(backend, 1, segments, NULL);
}

static void logs(void *arg)
{
    const char *dir = world_folder();
    uint64_t durable = make_folder(dir);
    flip(dir, "log/1/0-0000000000000000.log", 3 * LOG_UNIT + 200);
    want_one(dir, "log/1/0-0000000000000000.log", "", 3 * LOG_UNIT);
    flip(dir, "log/1/0-0000000000000000.log", 3 * LOG_UNIT + 200);

    reformat(in(dir, "log/1/0-0000000000000000.log"), LOG_UNIT, LOG_FORMAT - 1);
    /* an adjacent block of another format is not reported separately */
    reformat(in(dir, "log/1/0-0000000000000000.log"), 2 * LOG_UNIT, LOG_FORMAT + 1);
    want_one(dir, "log/1/0-0000000000000000.log", "", LOG_UNIT);
    reformat(in(dir, "log/1/0-0000000000000000.log"), LOG_UNIT, LOG_FORMAT);
    reformat(in(dir, "log/1/0-0000000000000000.log"), 2 * LOG_UNIT, LOG_FORMAT);

    flip(dir, "log/1/1-0000000000008000.log", LOG_UNIT + 4); /* the checksum itself */
    want_one(dir, "log/1/1-0000000000008000.log", "", LOG_UNIT);
    flip(dir, "log/1/1-0000000000008000.log", 0);
    struct found f = {.durable = durable};
    struct verify_progress p;
    verify(dir, 0, 1, &f, &p);
    want_eq(f.count, 1); /* adjacent damaged blocks are one gap */
    want_eq(f.damages[0].offset, 0);
    want_eq(p.bytes, p.bytes_total);
    f.durable = 8 * LOG_UNIT; /* the damage is behind the acknowledged records */
    verify(dir, 0, 0, &f, &p);
    want_eq(f.count, 0);
    want_eq(file_remove(in(dir, "log/1/1-0000000000008000.log")), 0);
    f.durable = durable;
    verify(dir, 0, 0, &f, &p);
    want_eq(f.count, 1);
}

EVERYWHERE(verify, damage_in_a_log_is_named_unless_nobody_needs_it)
{
    world_run_well(backend, 1, logs, NULL);
}

/* -- records -- */

#define FIRST_LOG "log/1/0-0000000000000000.log"

/* Makes one log with three points of collection 1, with vectors of that dimension. The payloads are
 * small, large and small. */
static void make_points(const char *dir, uint32_t dim)
{
    struct collection_config c = {.id = 1, .slots = 1, .durability = DURABILITY_FLUSH, .name = "points"};
    struct manifest m = {.epoch = 1, .log_dir = 1, .reactors = 1, .next_id = 2};
    c.schema = one_vector(dim, METRIC_L2);
    want_eq(manifest_add(&m, &c), 0);
    want_eq(directory_create(in(dir, "log")), 0);
    want_eq(directory_create(in(dir, "log/1")), 0);
    want_eq(directory_create(in(dir, "segments")), 0);
    want_eq(manifest_store(dir, &m, NULL), 0);
    manifest_fini(&m);
    struct log *l = open_log(dir, 0);
    append_point(l, 1, 100);
    append_point(l, 2, LARGE_PAYLOAD);
    append_point(l, 3, 100);
    log_close(l);
}

static void records(void *arg)
{
    const char *dir = world_folder();
    const uint8_t one = 1, none = 0;
    struct found f = {0};
    struct verify_progress p;
    make_points(dir, 2);
    /* verifies everything in one call, and then in the smallest steps */
    for (uint64_t step = 0; step < 2; step++) {
        verify(dir, 0, step, &f, &p);
        want_eq(f.count, 0);
    }
    /* the size and the type of a record are followed by a zero */
    const size_t zero = LOG_BLOCK_HEADER + 5;
    change_block(in(dir, FIRST_LOG), 0, zero, &one, 1);
    want_one(dir, FIRST_LOG, "", 0);
    change_block(in(dir, FIRST_LOG), 0, zero, &none, 1);
    /* the large record is read with its last block, and reported at its first */
    change_block(in(dir, FIRST_LOG), LOG_UNIT, zero, &one, 1);
    want_one(dir, FIRST_LOG, "", LOG_UNIT);
    verify(dir, 0, 1, &f, &p);
    want_eq(f.count, 1);
    change_block(in(dir, FIRST_LOG), LOG_UNIT, zero, &none, 1);
    /* a size that no record has */
    change_block(in(dir, FIRST_LOG), LOG_UNIT, LOG_BLOCK_HEADER + 3, &one, 1);
    want_one(dir, FIRST_LOG, "", LOG_UNIT);
}

EVERYWHERE(verify, a_record_that_cannot_be_read_is_named_though_its_block_is_right)
{
    world_run_well(backend, 1, records, NULL);
}

static void other_points(void *arg)
{
    struct found f = {0};
    struct verify_progress p;
    make_points(world_folder(), 3); /* but the collection has 2 dimensions */
    verify(world_folder(), 0, 0, &f, &p);
    want_eq(f.count, 3);
    want(strstr(f.damages[0].what, "8 bytes") && strstr(f.damages[0].what, "'points'"));
}

EVERYWHERE(verify, points_that_their_collection_cannot_take_are_named)
{
    world_run_well(backend, 1, other_points, NULL);
}

/* -- the manifest -- */

static void manifests(void *arg)
{
    const char *dir = world_folder();
    (void)make_folder(dir);
    flip(dir, "manifest", 20);
    want_one(dir, "manifest", "", 0);
    flip(dir, "manifest", 20);
    struct found f = {0};
    struct verify_options o = {.dir = dir, .on_damage = on_damage, .arg = &f};
    struct verify_cursor wrong = {.kind = 77};
    struct verify_progress p = {0};
    struct error e = {0};
    want_eq(verify_step(&o, &wrong, &p, &e), -EINVAL);
    wrong = (struct verify_cursor){VERIFY_SEGMENT, 6, 12345}; /* there is no such segment */
    want_eq(verify_step(&o, &wrong, &p, &e), 0);
    want(wrong.kind == VERIFY_DONE && f.count == 0);
}

EVERYWHERE(verify, a_damaged_manifest_is_told_and_an_odd_cursor_harms_nobody)
{
    world_run_well(backend, 1, manifests, NULL);
}
