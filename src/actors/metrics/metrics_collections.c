/* metrics_collections.c -- writes one family after the other, each for all collections, as the
 * text format demands. */
#include "actors/metrics/metrics_collections.h"

#include "reactor/fibers/fiber.h"
#include <inttypes.h>
#include <stddef.h>

static const char *const state_names[SEGMENT_STATES] = {
    [SEGMENT_GROWING] = "growing", [SEGMENT_FROZEN] = "frozen", [SEGMENT_SEALED] = "sealed"};

static uint64_t live_rows(const struct segment_sums *s)
{
    return s->rows - s->deleted_rows;
}

#define FIELD(name)                                                                                                    \
    static uint64_t name(const struct segment_sums *s)                                                                 \
    {                                                                                                                  \
        return s->name;                                                                                                \
    }
FIELD(segments)
FIELD(rows)
FIELD(deleted_rows)
FIELD(tombstones)
FIELD(memory_bytes)
FIELD(disk_bytes)

static const struct {
    const char *name, *help;
    uint64_t (*value)(const struct segment_sums *s);
} families[] = {
    {"kith_segments", "Segments of a collection, by state.", segments},
    {"kith_segment_rows", "Rows in segments, deleted ones too.", rows},
    {"kith_segment_live_rows", "Rows in segments that searches can find.", live_rows},
    {"kith_segment_deleted_rows", "Rows in segments that are deleted or replaced and still take space.", deleted_rows},
    {"kith_segment_tombstones", "Deletions that segments carry, so that older rows stay deleted.", tombstones},
    {"kith_segment_memory_bytes", "Memory that segments take; the mapped files of sealed ones are not in it.",
     memory_bytes},
    {"kith_segment_disk_bytes", "Bytes of the files of sealed segments.", disk_bytes},
};

static bool is_whole(const struct metrics_collection *c)
{
    return c->there && !c->damaged;
}

static int family(struct buffer *out, const char *name, const char *help)
{
    return buffer_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static int family_by_state(size_t i, const struct metrics_collection *all, size_t n, struct buffer *out)
{
    int rc = family(out, families[i].name, families[i].help);
    for (size_t c = 0; c < n; c++, fiber_pause())
        for (unsigned state = 0; state < SEGMENT_STATES && rc == 0 && is_whole(&all[c]); state++)
            rc = buffer_printf(out, "%s{collection=\"%s\",state=\"%s\"} %" PRIu64 "\n", families[i].name, all[c].name,
                               state_names[state], families[i].value(&all[c].by_state[state]));
    return rc;
}

int metrics_collections_format(const struct metrics_collection *all, size_t n, struct buffer *out)
{
    int rc = family(out, "kith_points", "Points of a collection.");
    for (size_t c = 0; c < n && rc == 0; c++, fiber_pause())
        if (is_whole(&all[c]))
            rc = buffer_printf(out, "kith_points{collection=\"%s\"} %" PRIu64 "\n", all[c].name, all[c].points);
    if (rc == 0)
        rc = family(out, "kith_collection_damaged",
                    "1 when a file of the collection is damaged and nothing of it is served.");
    for (size_t c = 0; c < n && rc == 0; c++, fiber_pause())
        rc = !all[c].there
                 ? 0
                 : buffer_printf(out, "kith_collection_damaged{collection=\"%s\"} %d\n", all[c].name, all[c].damaged);
    for (size_t i = 0; i < ARRAY_LEN(families) && rc == 0; i++)
        rc = family_by_state(i, all, n, out);
    return rc;
}
