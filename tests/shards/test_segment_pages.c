/* Tests pages that an index reads during a search: through one handle for each segment, several at
 * a time. If the disk does not give one back, the error says so. */
#include "../paged/paged.h"
#include "shards/segment/segment_pages.h"
#include "stores.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sim *sim;

/* The reads and opens of segment files, counted from the lines of a trace. */
static struct seen {
    unsigned opened, closed, reads, under_way, under_way_max;
} seen;

static void on_line(const char *text, void *arg)
{
    struct seen *s = arg;
    const bool done = strstr(text, " -> ") != NULL;
    if (!strstr(text, ".seg"))
        return;
    s->opened += done && strstr(text, "  open ");
    s->closed += done && strstr(text, "  close ");
    if (!strstr(text, "  read "))
        return;
    s->reads += !done;
    s->under_way = done ? s->under_way - 1 : s->under_way + 1;
    s->under_way_max = s->under_way > s->under_way_max ? s->under_way : s->under_way_max;
}

/* Makes two reactors with merged segments of several pages each. */
static struct collection_config fill(struct server *s, struct truth *truth)
{
    struct compaction compaction;
    struct error e;
    server_open(s, 2);
    struct collection_config c = create_indexed(s, &(struct index_options){.kind = PAGED_ID});
    for (uint32_t n = 0; n < IDS; n++) {
        upsert(s, &c, truth, n);
        if (n % 50 == 49)
            work(s);
    }
    compaction_start(&compaction, s);
    for (unsigned r = 0; r < s->reactors; r++)
        want_eq(shard_compact(store_shard(s->stores[r], c.id), NULL, &e), 0);
    compaction_stop(&compaction);
    return c;
}

static unsigned sealed_segments(const struct server *s, const struct collection_config *c)
{
    unsigned n = 0;
    for (unsigned r = 0; r < s->reactors; r++) {
        const struct shard *shard = store_shard(s->stores[r], c->id);
        for (uint32_t i = 0; i < shard->segment_count; i++)
            n += shard->segments[i] && shard->segments[i]->state == SEGMENT_SEALED && shard->segments[i]->rows.count;
    }
    return n;
}

static int search(struct server *s, const struct collection_config *c, struct error *error)
{
    static const float vector[DIM];
    struct point_hit hits[3];
    struct shard_query q = {.vector = vector, .k = 3, .error = error};
    return shard_search(store_shard(s->stores[0], c->id), &q, hits);
}

static void open_once(void *arg)
{
    static struct truth truth[IDS];
    struct server s;
    struct collection_config c = fill(&s, truth);
    seen = (struct seen){0};
    sim_trace_to(sim, on_line, &seen);
    compare(&s, &c, truth); /* ten searches */
    want(seen.opened > 0 && seen.opened <= sealed_segments(&s, &c));
    want(seen.reads >= 10);
    const unsigned opened = seen.opened;
    for (int i = 0; i < 30; i++)
        compare(&s, &c, truth);
    want(seen.opened <= sealed_segments(&s, &c) && seen.opened >= opened);
    want_eq(seen.closed, 0);
    server_close(&s);
    while (seen.closed < seen.opened)
        fiber_sleep_ns(MILLIS(1)); /* if the wait never ends, the test times out */
    sim_trace_to(sim, NULL, NULL);
}

static void read_together(void *arg)
{
    static struct truth truth[IDS];
    struct server s;
    struct collection_config c = fill(&s, truth);
    seen = (struct seen){0};
    want_eq(search(&s, &c, NULL), 3);
    sim_trace_to(sim, on_line, &seen);
    want_eq(search(&s, &c, NULL), 3);
    sim_trace_to(sim, NULL, NULL);
    want(seen.reads >= 4);
    want(seen.under_way_max > 1 && seen.under_way_max <= FILE_READS_AT_ONCE);
    server_close(&s);
}

static void fail(void *arg)
{
    static struct truth truth[IDS];
    struct server s;
    struct collection_config c = fill(&s, truth);
    struct error e = {0};
    want_eq(search(&s, &c, &e), 3);
    want_eq(e.code, ERROR_OK);
    sim_fault_rate(sim, FAULT_READ_ERROR, 1000000);
    want_eq(search(&s, &c, &e), -EIO);
    sim_fault_rate(sim, FAULT_READ_ERROR, 0);
    want_eq(e.code, ERROR_IO);
    want(strstr(e.text, "data/segments/") && strstr(e.text, " at offset ") && strstr(e.text, "mend the disk"));
    want(!shard_damage(store_shard(s.stores[0], c.id)));
    want_eq(search(&s, &c, NULL), 3); /* the disk works again */
    server_close(&s);
}

/* A file that a merge removed can be read while its handle or its mapping is open. */
static void read_what_is_removed(void *arg)
{
    static struct truth truth[IDS];
    struct server s;
    struct collection_config c = fill(&s, truth);
    struct shard *shard = store_shard(s.stores[0], c.id);
    char path[PATH_TEXT_MAX];
    for (uint32_t i = 0; i < shard->segment_count; i++)
        if (shard->segments[i] && shard->segments[i]->state == SEGMENT_SEALED) {
            want_eq(store_segment_path(s.stores[0], shard->segments[i]->id, path), 0);
            want_eq(file_remove(path), 0);
        }
    compare(&s, &c, truth);
    server_close(&s);
}

static void run(void (*test)(void *))
{
    index_kind_add(&index_paged);
    cr_assert_eq(sim_create(1, &sim), 0);
    cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .reactors = 1, .sim = sim}, test, NULL), 0);
    sim_destroy(sim);
}

Test(segment_pages, a_file_is_opened_once_and_closed_with_its_segment)
{
    run(open_once);
}

Test(segment_pages, pages_of_one_request_are_read_together)
{
    run(read_together);
}

Test(segment_pages, a_read_that_fails_names_the_file_and_the_offset)
{
    run(fail);
}

Test(segment_pages, of_a_file_that_is_removed_are_still_there)
{
    run(read_what_is_removed);
}
