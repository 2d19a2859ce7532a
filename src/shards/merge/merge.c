/* merge.c -- a merge in a straight line: give the live rows their places, write the columns, build
 * the graph over the file, commit, take the place of the old segments.
 *
 * Rows die during a merge. Once a row has its place in the new segment, its death is noted there,
 * too (segment_delete_row() follows the successor). So no deaths have to be looked up at the end.
 * The commit is one edit of the manifest: a crash before it leaves the old segments, a crash
 * after it the new one. */
#include "shards/merge/merge.h"
#include "base/log.h"
#include "shards/merge/replace.h"
#include "shards/segment/index_plan.h"
#include "shards/segment/segment_install.h"
#include "shards/snapshot/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_NS ((uint64_t)1000000000)

struct merge {
    struct shard *shard;
    const struct merge_choice *choice;
    struct pause pause;
    /* a segment with only the alive bits of the new rows, until the new segment is opened */
    struct segment *placeholder;
    uint32_t rows;
    struct merge_tombstones tombstones;
    uint64_t ids[MERGE_INPUTS_MAX]; /* ids of the inputs */
    struct segment_install in;      /* in.file.id 0: no row is left */
    struct segment *output;         /* NULL: no row is left */
    bool held[MERGE_INPUTS_MAX];    /* whether this merge holds the input */
    struct replaced_segment old[MERGE_INPUTS_MAX];
};

/* -- the places of the rows -- */

static int make_placeholder(struct merge *m)
{
    uint64_t live = 0;
    for (uint32_t i = 0; i < m->choice->count; i++)
        live += m->choice->inputs[i]->rows.count - m->choice->inputs[i]->rows.dead;
    struct segment *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->rows.max = (uint32_t)live;
    s->rows.alive = calloc(bits_words(live) + 1, sizeof(uint64_t));
    if (!s->rows.alive) {
        segment_destroy(s);
        return -ENOMEM;
    }
    s->rows.alive_words = (uint32_t)bits_words(live) + 1;
    m->placeholder = s;
    return 0;
}

/* Gives every live row of the input its row in the new segment. */
static int place_rows(struct merge *m, struct segment *input)
{
    uint32_t *rows = malloc(((size_t)input->rows.count + 1) * sizeof(*rows));
    if (!rows)
        return -ENOMEM;
    memset(rows, 0xff, (size_t)input->rows.count * sizeof(*rows)); /* ROW_NONE */
    segment_set_successor(input, m->placeholder, rows);
    for (uint32_t row = 0; row < input->rows.count; row++) {
        if (bits_test(input->rows.alive, row)) {
            bits_set(m->placeholder->rows.alive, m->rows);
            rows[row] = m->rows++;
        }
        int rc = row % 1024 == 0 ? pause_here(&m->pause) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* -- the file -- */

/* Checks the inputs first: bytes of a damaged file must not get a right checksum in the new one. A
 * damaged column is dropped, and its values come from the payloads. */
static int verify_inputs(struct merge *m)
{
    char path[PATH_TEXT_MAX];
    struct error error = {0};
    for (uint32_t i = 0; i < m->choice->count; i++) {
        struct segment *input = m->choice->inputs[i];
        const uint32_t damaged = input->columns.damaged;
        int rc = store_segment_path(m->shard->store, m->ids[i], path);
        if (rc == 0)
            rc = segment_verify(path, input, &error);
        m->shard->store->stats.damaged_columns += input->columns.damaged - damaged;
        if (shard_damage(m->shard)) /* a lost page explains a wrong checksum */
            return -EBADMSG;
        if (rc < 0) {
            if (error.code == ERROR_CORRUPT) {
                log_error("'%s' is not served any more: %s", m->shard->config.name, error.text);
                m->shard->damage = error;
            }
            return rc;
        }
    }
    return 0;
}

/* Adds vectors of rows that are left out, evenly chosen, as far as there is room. Clients that
 * searched near such a row may do so again. There the new graph has a hole, so the query is harder
 * than one near a row that is left. */
static int guess_queries(const struct merge *m, struct gathered_queries *g)
{
    const uint32_t dim = shard_vector(m->shard)->dim, room = LIVE_QUERIES_MAX - g->sample.count;
    uint64_t gone = 0, met = 0, taken = 0;
    for (uint32_t i = 0; i < m->choice->count; i++)
        gone += m->choice->inputs[i]->rows.count;
    gone -= m->rows;
    const uint64_t wanted = gone < room ? gone : room;
    for (uint32_t i = 0; g->vectors && i < m->choice->count; i++) {
        const struct segment *input = m->choice->inputs[i];
        for (uint32_t row = 0; row < input->rows.count && taken < wanted; row++) {
            const int rc = row % 1024 == 0 ? pause_here(&m->pause) : 0;
            if (rc < 0)
                return rc;
            if (input->succession.rows[row] != ROW_NONE || met++ * wanted / gone < taken)
                continue;
            (void)gathered_queries_add(g, rows_at(&input->vectors[0].values.at, row), dim);
            taken++;
        }
    }
    return 0;
}

/* Gathers the queries with which the recall of the new segment is measured, besides its own
 * rows. */
static int gather_queries(const struct merge *m, struct gathered_queries *ret)
{
    int rc = gathered_queries_init(ret, m->shard, m->rows);
    return rc == 0 ? guess_queries(m, ret) : rc;
}

/* Builds the graph over the vectors in the new file, which is mapped. So the page cache holds them,
 * and not memory of the budget. */
static int write_graph(struct segment_install *in, struct container_writer *w)
{
    struct merge *m = CONTAINER_OF(in, struct merge, in);
    const struct collection_config *c = &m->shard->config;
    struct build_progress *progress = &m->shard->store->merging;
    struct mapping mapping;
    struct segment_index *index = NULL;
    int rc = mapping_open(container_fresh_path(w), &mapping);
    if (rc < 0)
        return rc;
    uint32_t stride = vector_stride(collection_vector(c));
    if (mapping.size < container_region_offset(w) + (uint64_t)m->rows * stride) {
        /* the file is shorter than what was written: a failing disk reports that only at the
         * flush */
        mapping_close(&mapping);
        return -EIO;
    }
    /* struct rows has no const, but these vectors are only read */
    uint8_t *chunk = (uint8_t *)(uintptr_t)mapping.bytes + container_region_offset(w);
    const struct rows vectors = {&chunk, stride, 31};
    struct gathered_queries queries = {0};
    struct index_plan plan;
    index_plan_begin(&plan, c, m->rows);
    rc = segment_index_create(collection_vector(c)->metric, collection_vector(c)->dim, &plan.options, &index);
    if (rc == 0) {
        build_enter_graph(progress, index, m->rows);
        rc = segment_index_build(index, &vectors, m->rows, m->shard->store->options.workers, &m->pause);
    }
    build_enter(progress, BUILD_CODES);
    if (rc == 0)
        rc = gather_queries(m, &queries);
    if (rc == 0) {
        segment_index_lend_queries(index, &queries.sample);
        rc = index_plan_finish(&plan, m->shard, index, &vectors, m->rows, &m->pause);
    }
    build_enter(progress, BUILD_WRITING);
    if (rc == 0)
        rc = segment_write_index(w, collection_vector(c), index, &plan.why);
    if (index)
        segment_index_give_back(index, fiber_pause);
    segment_index_destroy(index);
    gathered_queries_fini(&queries);
    uint64_t offset;
    if (rc == 0 && mapping_lost(&mapping, &offset)) /* the graph was built over zeros */
        rc = -EIO;
    mapping_close_slowly(&mapping);
    return rc;
}

/* If all inputs have the rows of one owner, the new file has, too. */
static void set_owner(struct merge *m)
{
    const struct segment *first = m->choice->inputs[0];
    struct manifest_segment *file = &m->in.file;
    file->owners = first->owners;
    file->owner = first->owner;
    for (uint32_t i = 1; i < m->choice->count; i++) {
        const struct segment *g = m->choice->inputs[i];
        if (g->owners != first->owners || g->owner != first->owner)
            file->owners = file->owner = 0;
    }
}

static int write_file(struct merge *m)
{
    struct segment_part parts[MERGE_INPUTS_MAX];
    m->in = (struct segment_install){
        .shard = m->shard,
        .source = {parts, m->choice->count, m->rows, m->tombstones.items, m->tombstones.kept, 0},
        .pause = &m->pause,
        .write_index = write_graph,
    };
    for (uint32_t i = 0; i < m->choice->count; i++) {
        const struct segment *g = m->choice->inputs[i];
        parts[i] = (struct segment_part){g, g->succession.rows};
        if (g->rows.version_max > m->in.source.version_max)
            m->in.source.version_max = g->rows.version_max;
    }
    set_owner(m);
    build_enter(&m->shard->store->merging, BUILD_COLUMNS);
    int rc = segment_install_write(&m->in);
    m->in.source.parts = NULL; /* parts is a local array */
    return rc;
}

/* Opens the new file, reads all of it back, and adds the segment to the shard. It
 * is not searched yet. */
static int open_output(struct merge *m)
{
    struct error error = {0};
    int rc = segment_read_back(m->in.path, &m->shard->config, &m->in.file, &m->output, &error);
    if (rc == 0) {
        rc = shard_add_segment(m->shard, m->output);
        if (rc == 0)
            return 0;
        segment_destroy(m->output);
        m->output = NULL;
    }
    if (error.code == ERROR_CORRUPT)
        log_error("a merged segment reads back wrong, so the old segments stay: %s", error.text);
    ignore_result(file_remove(m->in.path));
    return rc;
}

/* -- taking the place of the old ones -- */

/* A row is left out because a newer row or a deletion replaced it, which is in the log of the row's
 * owner. If writes are acknowledged before they are flushed, all logs must be flushed before the
 * old row leaves the disk. Otherwise a crash would lose both. */
static int flush_log(struct store *store, void *call)
{
    (void)call;
    return log_flush(store->log);
}

static int flush_newer_rows(const struct shard *s)
{
    struct store *store = s->store;
    const struct store_hooks *hooks = &store->options.hooks;
    if (s->config.durability == DURABILITY_FLUSH)
        return 0;
    int rc = flush_log(store, NULL);
    return rc == 0 && store->options.reactors > 1
               ? hooks->call(STORE_ALL_OTHERS, STORE_STEP, flush_log, NULL, hooks->arg)
               : rc;
}

/* A commit that failed may be on the disk all the same, so the file cannot be removed. The commit
 * is tried again until it succeeds. */
static int commit(struct merge *m)
{
    struct shard *s = m->shard;
    struct store *store = s->store;
    for (;;) {
        struct manifest_edit edit = {
            .segment = m->in.file,
            .removed = m->ids,
            .removed_count = m->choice->count,
        }; /* log_start is 0: a merge does not change which part of the log is needed */
        int rc = segment_install_commit(s, &edit);
        if (rc == 0 || rc == -ENOENT || s->gate.closed || store->interrupted)
            return rc;
        log_warn("a merge of '%s' cannot be committed (%s); it will be tried again", s->config.name, strerror(-rc));
        fiber_sleep_ns(RETRY_NS);
    }
}

/* Does not wait, so a search sees either the old segments or the new one. */
static void swap(struct merge *m)
{
    if (m->output) {
        segment_install_alive(m->output, m->placeholder);
        m->output->sharing.seq = 0;
        m->output->sharing.everywhere = true;
    }
    segment_install_swap(m->output ? m->output : m->placeholder, m->choice->inputs, m->choice->count);
    m->shard->merges++;
}

static void remove_files(const struct merge *m)
{
    for (uint32_t i = 0; i < m->choice->count; i++) {
        int rc = store_remove_segment(m->shard->store, m->ids[i]);
        if (rc < 0 && rc != -ENOENT)
            log_warn("segment %" PRIx64
                     " is not needed any more but could not be removed (%s); the next start removes it",
                     m->ids[i], strerror(-rc));
    }
}

static int tell_others(struct merge *m, struct replacement *r, enum replace_step step)
{
    struct store *store = m->shard->store;
    const struct store_hooks *hooks = &store->options.hooks;
    r->step = step;
    for (;;) {
        int rc =
            store->options.reactors > 1 ? hooks->call(STORE_ALL_OTHERS, STORE_STEP, store_replace, r, hooks->arg) : 0;
        if (rc == 0 || m->shard->gate.closed || store->interrupted)
            return rc;
        log_warn("a merged segment of '%s' is not yet used by all cores (%s); it will be tried again",
                 m->shard->config.name, strerror(-rc));
        fiber_sleep_ns(RETRY_NS);
    }
}

static void free_inputs(struct merge *m)
{
    for (uint32_t i = 0; i < m->choice->count; i++) {
        m->held[i] = false;
        segment_let_go(m->choice->inputs[i]);
        replace_free(m->shard, m->choice->inputs[i]);
    }
}

/* Frees the old segments of all reactors. Shared ones go first: their owners free them in the last
 * step, when no search of any reactor reads them. The inputs here go last, because the other
 * reactors read their succession.rows. */
static int hand_over(struct merge *m, struct replacement *r)
{
    int rc = tell_others(m, r, REPLACE_SWAP);
    if (rc == 0) {
        remote_deletes_drain(m->shard->store);
        rc = tell_others(m, r, REPLACE_FREE);
    }
    for (uint32_t i = 0; rc == 0 && i < m->choice->count; i++)
        replace_wait_unread(m->choice->inputs[i], 1);
    if (rc == 0)
        rc = tell_others(m, r, REPLACE_END);
    if (rc == 0)
        free_inputs(m);
    return rc;
}

/* When it returns, all reactors search the new segment, and none an old one. It returns earlier
 * when the collection is dropped or the server stops. */
static void take_place(struct merge *m)
{
    struct shard *s = m->shard;
    struct replacement r = {
        .collection = s->config.id,
        .old = m->old,
        .old_count = m->choice->count,
        .fresh = m->output,
        .dropped = m->tombstones.items ? m->tombstones.items + m->tombstones.kept : NULL,
        .dropped_count = m->tombstones.dropped,
    };
    for (uint32_t i = 0; i < m->choice->count; i++)
        m->old[i] = (struct replaced_segment){m->ids[i], m->choice->inputs[i]->succession.rows};
    remove_files(m);
    if (tell_others(m, &r, REPLACE_SHARE) < 0)
        return;
    swap(m);
    r.number = s->merges;
    if (m->output)
        replace_repoint(s, m->output);
    replace_forget(s, &r);
    /* after a failure the old segments stay until the shard is freed */
    ignore_result(hand_over(m, &r));
}

/* -- the whole merge -- */

static int prepare(struct merge *m)
{
    int rc = verify_inputs(m);
    if (rc == 0)
        rc = make_placeholder(m);
    for (uint32_t i = 0; rc == 0 && i < m->choice->count; i++)
        rc = place_rows(m, m->choice->inputs[i]);
    if (rc == 0)
        rc = merge_take_tombstones(m->shard, m->choice, &m->pause, &m->tombstones);
    if (rc < 0 || (m->rows == 0 && m->tombstones.kept == 0))
        return rc;
    rc = write_file(m);
    if (shard_damage(m->shard)) { /* lost pages may have been copied as zeros */
        if (rc == 0)
            ignore_result(file_remove(m->in.path));
        return -EBADMSG;
    }
    return rc < 0 ? rc : open_output(m);
}

static void let_go(struct merge *m)
{
    for (uint32_t i = 0; i < m->choice->count; i++)
        if (m->held[i])
            segment_let_go(m->choice->inputs[i]);
}

static void give_up(struct merge *m, int rc)
{
    for (uint32_t i = 0; i < m->choice->count; i++) {
        struct segment *input = m->choice->inputs[i];
        segment_set_successor(input, NULL, NULL);
        input->succession.merging = false;
    }
    if (!m->output)
        return;
    shard_remove_segment(m->shard, m->output);
    if (rc == -ENOENT)
        /* the collection was dropped; after other failures the manifest may name the file */
        ignore_result(file_remove(m->in.path));
}

static void count(const struct merge *m, uint64_t rows, uint64_t start_ns)
{
    struct store_stats *stats = &m->shard->store->stats;
    stats->merges += m->choice->count > 1;
    stats->compactions += m->choice->count == 1;
    stats->merged_bytes += m->output ? m->output->disk_bytes : 0;
    stats->merged_segments += m->choice->count;
    stats->merged_rows += rows;
    stats->merge_ns_total += clock_now_ns() - start_ns;
}

static int run(struct merge *m)
{
    uint64_t start_ns = clock_now_ns(), rows = 0;
    for (uint32_t i = 0; i < m->choice->count; i++) {
        struct segment *input = m->choice->inputs[i];
        segment_hold(input);
        m->held[i] = true;
        input->succession.merging = true;
        m->ids[i] = input->id;
        rows += input->rows.count;
    }
    build_begin(&m->shard->store->merging, m->choice->count > 1 ? BUILD_MERGE : BUILD_COMPACT, m->shard->config.id,
                (uint32_t)rows);
    int rc = prepare(m);
    if (rc == 0)
        rc = flush_newer_rows(m->shard);
    if (rc == 0)
        rc = commit(m);
    if (rc < 0) {
        give_up(m, rc);
    } else {
        build_enter(&m->shard->store->merging, BUILD_TAKING_OVER);
        take_place(m);
        count(m, rows, start_ns);
    }
    build_end(&m->shard->store->merging);
    let_go(m);
    return rc;
}

int merge_run(struct shard *s, const struct merge_choice *choice)
{
    struct merge *m = calloc(1, sizeof(*m)); /* too large for a stack */
    if (!m)
        return -ENOMEM;
    m->shard = s;
    m->choice = choice;
    m->pause = (struct pause){shard_pause, s};
    int rc = run(m);
    if (m->placeholder)
        segment_retire(m->placeholder);
    free(m->tombstones.items);
    free(m);
    return rc;
}
