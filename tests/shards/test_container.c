/* Tests container files: one is written in the simulated world and read back. Then it is cut off at
 * every byte, and every byte of it is changed. */
#include "../reactor/world.h"
#include "base/checksum.h"
#include "reactor/file.h"
#include "shards/folder/whole_file.h"
#include "shards/segment/container.h"
#include "shards/segment/container_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *file_bytes;
static size_t file_bytes_size;

static const char *const names[] = {"one", "empty", "large"};

static void write_file(void *arg)
{
    size_t large = *(size_t *)arg;
    char path[PATH_TEXT_MAX];
    struct container_writer *w;
    struct mapping m;
    uint64_t size;
    uint8_t *content = malloc(large + 1);
    for (size_t i = 0; i < large; i++)
        content[i] = (uint8_t)(i * 31 >> 3);
    want_eq(path_join(path, world_folder(), "x.seg"), 0);
    want_eq(container_create(path, &w), 0);
    want_eq(container_begin(w, names[0], CONTAINER_KEEP, 5), 0);
    want_eq(container_append(w, "he", 2), 0);
    want_eq(container_append(w, "llo", 3), 0);
    want_eq(container_begin(w, names[1], CONTAINER_IGNORE, 0), 0);
    want_eq(container_begin(w, names[2], CONTAINER_NEED, large), 0);
    want_eq(container_append(w, content, large / 2), 0);
    want_eq(container_append(w, content + large / 2, large - large / 2), 0);
    want_eq(container_finish(w, world_folder(), &size), 0);
    want_eq(mapping_open(path, &m), 0);
    want_eq(m.size, size);
    file_bytes = malloc(m.size);
    memcpy(file_bytes, m.bytes, m.size);
    file_bytes_size = m.size;
    mapping_close(&m);
    free(content);
}

static void make(size_t large)
{
    world_run_well(BACKEND_SIM, 1, write_file, &large);
}

/* Returns 0 if the file can be parsed and every slice of every region has its checksum. */
static int verify(const uint8_t *bytes, size_t size, struct error *e)
{
    struct container c;
    int rc = container_parse(bytes, size, "x.seg", &c, e);
    for (unsigned i = 0; rc == 0 && i < c.region_count; i++) {
        struct container_check check = {.region = &c.regions[i]};
        while ((rc = container_check_piece(&c, &check, "x.seg", e)) > 0)
            ;
    }
    container_fini(&c);
    return rc;
}

Test(container, regions_come_back_aligned_and_whole)
{
    size_t large = CONTAINER_SLICE + 2 * CONTAINER_PIECE + 17;
    make(large);
    struct container c;
    struct error e = {0};
    cr_assert_eq(verify(file_bytes, file_bytes_size, &e), 0, "%s", e.text);
    cr_assert_eq(container_parse(file_bytes, file_bytes_size, "x", &c, &e), 0);
    cr_assert_eq(c.region_count, 3);
    const struct container_region *one = container_find(&c, "one"), *big = container_find(&c, "large");
    cr_assert(one && one->size == 5 && memcmp(file_bytes + one->offset, "hello", 5) == 0 && one->offset % 64 == 0);
    cr_assert(big && big->size == large && big->offset % 4096 == 0 && container_slices(big) == 2);
    for (size_t i = 0; i < large; i++)
        cr_assert_eq(file_bytes[big->offset + i], (uint8_t)(i * 31 >> 3));
    cr_assert_eq(one->unknown, CONTAINER_KEEP);
    cr_assert_eq(big->unknown, CONTAINER_NEED);
    cr_assert_null(container_find(&c, "none"));
    container_fini(&c);
}

Test(container, a_file_that_was_cut_off_is_refused)
{
    make(300);
    struct error e;
    for (size_t size = 0; size < file_bytes_size; size++) {
        /* a separate allocation, so that a sanitizer finds a read behind its end */
        uint8_t *part = malloc(size + 1);
        memcpy(part, file_bytes, size);
        cr_assert(verify(part, size, &e) < 0, "%zu bytes", size);
        free(part);
    }
}

Test(container, every_changed_byte_is_detected_or_is_padding)
{
    make(300);
    struct container c;
    struct error e;
    cr_assert_eq(container_parse(file_bytes, file_bytes_size, "x", &c, &e), 0);
    size_t undetected = 0, covered = 64 + 300; /* regions begin at multiples of 64 */
    for (size_t i = 0; i < file_bytes_size; i++) {
        file_bytes[i] ^= 0x40;
        e = (struct error){0};
        if (verify(file_bytes, file_bytes_size, &e) == 0) {
            undetected++;
            cr_assert_lt(i, c.directory_at, "a change of byte %zu, behind the regions, was not found", i);
            for (unsigned r = 0; r < c.region_count; r++)
                cr_assert(i < c.regions[r].offset || i >= c.regions[r].offset + c.regions[r].size, "byte %zu", i);
        } else {
            /* no single changed byte makes the file look like one of a newer version */
            cr_assert_eq(e.code, ERROR_CORRUPT);
            cr_assert(strstr(e.text, "x.seg"), "%s", e.text);
        }
        file_bytes[i] ^= 0x40;
    }
    cr_assert_lt(undetected, covered, "only changes of padding may stay unnoticed");
    container_fini(&c);
}

/* The checksum of the directory is right; only the bounds of the entry are wrong. */
Test(container, an_entry_that_ends_behind_the_regions_is_refused)
{
    make(300);
    struct container c;
    struct error e;
    struct container_footer f;
    struct container_entry first;
    uint8_t *footer_at = file_bytes + file_bytes_size - sizeof(f);
    memcpy(&f, footer_at, sizeof(f));
    uint8_t *directory = file_bytes + f.directory_offset;
    memcpy(&first, directory, sizeof(first));
    const uint64_t room = f.directory_offset - first.offset;
    for (uint64_t past = 0; past < 2; past++) {
        first.size = room + past;
        memcpy(directory, &first, sizeof(first));
        f.directory_crc = checksum_crc32c(CONTAINER_FORMAT, directory, f.directory_size);
        memcpy(footer_at, &f, sizeof(f));
        cr_assert_eq(container_parse(file_bytes, file_bytes_size, "x", &c, &e), past ? -EBADMSG : 0, "%s", e.text);
        container_fini(&c);
    }
}

Test(container, one_of_a_newer_format_is_told_from_a_damaged_one)
{
    make(300);
    struct error e;
    uint32_t newer = CONTAINER_FORMAT + 1;
    memcpy(file_bytes + offsetof(struct container_head, format), &newer, sizeof(newer));
    memcpy(file_bytes + file_bytes_size - sizeof(struct container_footer) + offsetof(struct container_footer, format),
           &newer, sizeof(newer));
    cr_assert(verify(file_bytes, file_bytes_size, &e) < 0 && e.code == ERROR_VERSION, "%s", e.text);
    cr_assert(strstr(e.text, "newer Kith"), "%s", e.text);
}

Test(container, damage_is_told_by_region_and_offset)
{
    make(CONTAINER_SLICE + CONTAINER_PIECE);
    struct container c;
    struct error e;
    cr_assert_eq(container_parse(file_bytes, file_bytes_size, "x.seg", &c, &e), 0);
    const struct container_region *big = container_find(&c, "large");
    file_bytes[big->offset + CONTAINER_SLICE + 1000] ^= 1;
    cr_assert_eq(verify(file_bytes, file_bytes_size, &e), -EBADMSG);
    char offset[32];
    snprintf(offset, sizeof(offset), "offset %llu", (unsigned long long)(big->offset + CONTAINER_SLICE));
    cr_assert(strstr(e.text, "'large'") && strstr(e.text, offset), "%s", e.text);
    container_fini(&c);
}

/* Writes as many regions as a collection with many named vectors and fields has. */
static void write_many(void *arg)
{
    char path[PATH_TEXT_MAX], name[CONTAINER_NAME_MAX];
    struct container_writer *w;
    struct mapping m;
    uint64_t size;
    want_eq(path_join(path, world_folder(), "x.seg"), 0);
    want_eq(container_create(path, &w), 0);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "c%u.values", i);
        want_eq(container_begin(w, name, CONTAINER_IGNORE, sizeof(i)), 0);
        want_eq(container_append(w, &i, sizeof(i)), 0);
    }
    want_eq(container_finish(w, world_folder(), &size), 0);
    want_eq(mapping_open(path, &m), 0);
    file_bytes = malloc(m.size);
    memcpy(file_bytes, m.bytes, m.size);
    file_bytes_size = m.size;
    mapping_close(&m);
}

Test(container, a_thousand_regions_are_no_damage)
{
    world_run_well(BACKEND_SIM, 1, write_many, NULL);
    struct container c;
    struct error e = {0};
    cr_assert_eq(verify(file_bytes, file_bytes_size, &e), 0, "%s", e.text);
    cr_assert_eq(container_parse(file_bytes, file_bytes_size, "x", &c, &e), 0);
    cr_assert_eq(c.region_count, 1000);
    const struct container_region *r = container_find(&c, "c777.values");
    cr_assert(r && *(const unsigned *)(file_bytes + r->offset) == 777);
    container_fini(&c);
}

Test(container, reserved_bytes_must_be_zero)
{
    make(300);
    struct error e = {0};
    file_bytes[sizeof(struct container_head) - 1] = 1;
    cr_assert_eq(verify(file_bytes, file_bytes_size, &e), -EBADMSG);
    cr_assert(strstr(e.text, "must be 0"), "%s", e.text);
}

Test(container, one_of_an_older_format_is_refused_with_a_sentence)
{
    make(300);
    struct error e;
    uint32_t older = CONTAINER_FORMAT - 1;
    memcpy(file_bytes + offsetof(struct container_head, format), &older, sizeof(older));
    memcpy(file_bytes + file_bytes_size - sizeof(struct container_footer) + offsetof(struct container_footer, format),
           &older, sizeof(older));
    cr_assert(verify(file_bytes, file_bytes_size, &e) < 0 && e.code == ERROR_VERSION, "%s", e.text);
    cr_assert(strstr(e.text, "older Kith"), "%s", e.text);
}
