/* merge.c -- in a straight line: choose rows, write columns, build the graph over what was written, commit, take the place of the old ones.
 *
 * Rows die while this goes on. From the moment a row has its place in the new segment, its death is noted there too (segment_bury() follows
 * the heir), so nothing has to be caught up with at the end. The commit is one edit of the manifest: a crash before it leaves the old
 * segments, one after it the new. */
#include "shards/merge.h"
#include "base/log.h"
#include "shards/index_plan.h"
#include "shards/segment_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_NS ((uint64_t)1000000000)

struct merge {
    struct shard *shard;
    const struct merge_choice *choice;
    struct pause pause;
    struct segment *shadow; /* the new rows' alive bits, until the new segment is there */
    uint32_t rows;
    struct tombstone *tombstones; /* those that are kept, then those that bury nothing any more */
    uint32_t tombstone_count, tombstones_dropped;
    uint64_t ids[MERGE_INPUTS_MAX]; /* of the inputs */
    struct manifest_segment file;   /* id 0: nothing is left */
    char path[PATH_TEXT_MAX];
    struct segment *output; /* NULL: nothing is left */
};

/* -- which rows and tombstones go over -- */

static int make_shadow(struct merge *m)
{
    uint64_t live = 0;
    for (uint32_t i = 0; i < m->choice->count; i++)
        live += m->choice->inputs[i]->rows - m->choice->inputs[i]->dead;
    struct segment *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->rows_max = (uint32_t)live;
    s->alive = calloc(bits_words(live) + 1, sizeof(uint64_t));
    if (!s->alive) {
        segment_destroy(s);
        return -ENOMEM;
    }
    m->shadow = s;
    return 0;
}

/* Gives every live row of the input its place. */
static int place_rows(struct merge *m, struct segment *input)
{
    uint32_t *rows = malloc(((size_t)input->rows + 1) * sizeof(*rows));
    if (!rows)
        return -ENOMEM;
    memset(rows, 0xff, (size_t)input->rows * sizeof(*rows)); /* ROW_NONE */
    segment_set_heir(input, m->shadow, rows);
    for (uint32_t row = 0; row < input->rows; row++) {
        if (bits_test(input->alive, row)) {
            bits_set(m->shadow->alive, m->rows);
            rows[row] = m->rows++;
        }
        int rc = row % 1024 == 0 ? pause_here(&m->pause) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Could a start read an older record of an id from the log than the tombstone in an input, and not the deletion? */
static bool log_may_revive(const struct merge *m)
{
    for (uint32_t i = 0; i < m->choice->count; i++)
        if (m->choice->inputs[i]->log_past > m->shard->store->log_start)
            return true;
    return false;
}

/* The lowest version of a row at home here that is not in the inputs: a tombstone of such an id below it buries nothing any more. */
static int oldest_elsewhere(struct merge *m, uint64_t *ret)
{
    const struct shard *s = m->shard;
    const struct store_hooks *hooks = &s->store->options.hooks;
    int rc = hooks->oldest(s->config.id, m->ids, m->choice->count, ret, hooks->arg);
    for (uint32_t i = 0; i < s->segment_count; i++) {
        const struct segment *g = s->segments[i];
        if (g && g->state != SEGMENT_SEALED && g->version_min < *ret)
            *ret = g->version_min;
    }
    return rc;
}

static int take_tombstones(struct merge *m)
{
    size_t total = 0;
    uint64_t oldest = 0;
    bool keep_all = log_may_revive(m);
    for (uint32_t i = 0; i < m->choice->count; i++)
        total += m->choice->inputs[i]->tombstone_count;
    if (total == 0)
        return 0;
    m->tombstones = malloc(total * sizeof(*m->tombstones));
    int rc = m->tombstones ? oldest_elsewhere(m, &oldest) : -ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < m->choice->count; i++) {
        const struct segment *g = m->choice->inputs[i];
        for (uint32_t t = 0; rc == 0 && t < g->tombstone_count; t++) {
            bool keep = keep_all || g->tombstones[t].version > oldest || !shard_is_home(m->shard, g->tombstones[t].id);
            m->tombstones[keep ? m->tombstone_count++ : total - ++m->tombstones_dropped] = g->tombstones[t];
            rc = t % 1024 == 0 ? pause_here(&m->pause) : 0;
        }
    }
    return rc;
}

/* -- the file -- */

/* What is read from a damaged file must not get a good checksum. */
static int verify_inputs(struct merge *m)
{
    char path[PATH_TEXT_MAX];
    struct error error = {0};
    for (uint32_t i = 0; i < m->choice->count; i++) {
        int rc = store_segment_path(m->shard->store, m->ids[i], path);
        if (rc == 0)
            rc = segment_verify(path, m->choice->inputs[i], &error);
        if (rc < 0) {
            if (error.code == ERROR_CORRUPT && !m->shard->damage.code) {
                log_error("'%s' is not served any more: %s", m->shard->config.name, error.text);
                m->shard->damage = error;
            }
            return rc;
        }
    }
    return 0;
}

/* The graph is built over the vectors where they lie in the new file: the page cache holds them, not memory of ours. */
static int write_graph(struct merge *m, struct container_writer *w)
{
    const struct collection_config *c = &m->shard->config;
    struct build_progress *progress = &m->shard->store->merging;
    struct mapping mapping;
    struct segment_index *index = NULL;
    int rc = mapping_open(container_fresh_path(w), &mapping);
    if (rc < 0)
        return rc;
    uint32_t stride = rows_stride((size_t)c->dim * sizeof(float));
    if (mapping.size < container_region_offset(w) + (uint64_t)m->rows * stride) {
        mapping_close(&mapping); /* a disk that fails may lose what it took, and only the flush tells */
        return -EIO;
    }
    uint8_t *chunk = (uint8_t *)(uintptr_t)mapping.bytes + container_region_offset(w); /* nobody writes through it */
    const struct rows vectors = {&chunk, stride, 31};
    struct index_plan plan;
    index_plan_begin(&plan, c, m->rows);
    rc = segment_index_create(c->metric, c->dim, &plan.options, &index);
    if (rc == 0) {
        build_enter_graph(progress, index, m->rows);
        rc = segment_index_build(index, &vectors, m->rows, m->shard->store->options.crew, &m->pause);
    }
    build_enter(progress, BUILD_CODES);
    if (rc == 0)
        rc = index_plan_finish(&plan, m->shard, index, &vectors, m->rows, &m->pause);
    build_enter(progress, BUILD_WRITING);
    if (rc == 0)
        rc = segment_write_index(w, index, &plan.why);
    segment_index_destroy(index);
    mapping_close(&mapping);
    return rc;
}

/* Rows of one home stay so. */
static void set_home(struct merge *m)
{
    const struct segment *first = m->choice->inputs[0];
    m->file.homes = first->homes;
    m->file.home = first->home;
    for (uint32_t i = 1; i < m->choice->count; i++) {
        const struct segment *g = m->choice->inputs[i];
        if (g->homes != first->homes || g->home != first->home)
            m->file.homes = m->file.home = 0;
    }
}

static int write_file(struct merge *m)
{
    struct shard *s = m->shard;
    struct segment_part parts[MERGE_INPUTS_MAX];
    struct segment_source source = {parts, m->choice->count, m->rows, m->tombstones, m->tombstone_count, 0};
    for (uint32_t i = 0; i < m->choice->count; i++) {
        const struct segment *g = m->choice->inputs[i];
        parts[i] = (struct segment_part){g, g->heir_rows};
        if (g->version_max > source.version_max)
            source.version_max = g->version_max;
    }
    m->file = (struct manifest_segment){.id = store_next_segment_id(s->store),
                                        .collection = s->config.id,
                                        .rows = m->rows,
                                        .tombstones = m->tombstone_count,
                                        .version_max = source.version_max};
    set_home(m);
    struct container_writer *w;
    uint64_t bytes;
    int rc = store_segment_path(s->store, m->file.id, m->path);
    if (rc == 0)
        rc = container_create(m->path, &w);
    if (rc < 0)
        return rc;
    build_enter(&s->store->merging, BUILD_COLUMNS);
    rc = segment_write_columns(w, &s->config, m->file.id, &source, &m->pause, &m->file.version_min);
    if (rc == 0 && m->rows)
        rc = write_graph(m, w);
    if (rc == 0)
        return store_finish_container(s->store, w, &bytes);
    container_abandon(w);
    return rc;
}

/* Opens what was written, which reads all of it back, and gives it a handle; searches do not see it yet. */
static int open_output(struct merge *m)
{
    struct error error = {0};
    int rc = segment_open(m->path, &m->shard->config, &m->file, true, &m->output, &error);
    if (rc == 0) {
        m->output->searched = false;
        rc = shard_add_segment(m->shard, m->output);
        if (rc == 0)
            return 0;
        segment_destroy(m->output);
        m->output = NULL;
    }
    if (error.code == ERROR_CORRUPT)
        log_error("what a merge wrote reads back wrong, the old segments stay: %s", error.text);
    ignore_result(file_remove(m->path));
    return rc;
}

/* -- taking the place of the old ones -- */

/* Rows are left out because something newer buried them. Where writes are acknowledged before they are flushed, that must be on the disk before
 * the old rows are gone from it, or a crash would lose both. */
static int flush_what_buried(const struct shard *s)
{
    return s->config.durability == DURABILITY_FLUSH ? 0 : log_flush(s->store->log);
}

/* A commit that failed may have reached the disk all the same, so the file cannot be given up: it is tried until it is certain. */
static int commit(struct merge *m)
{
    struct shard *s = m->shard;
    struct store *store = s->store;
    for (;;) {
        struct manifest_edit edit = {
            .segment = m->file,
            .removed = m->ids,
            .removed_count = m->choice->count,
        }; /* the log is the sealing's business */
        int rc = store->options.hooks.commit(&edit, store->options.hooks.arg);
        s->dropped |= rc == -ENOENT;
        if (rc == 0 || rc == -ENOENT || s->gate.closed || store->interrupted)
            return rc;
        log_warn("a merge of '%s' cannot be committed (%s); it will be tried again", s->config.name, strerror(-rc));
        fiber_sleep_ns(RETRY_NS);
    }
}

/* No wait in here: to a search either the old ones are there or the new one. */
static void swap(struct merge *m)
{
    struct segment *fresh = m->output ? m->output : m->shadow;
    uint64_t birth = 0;
    if (m->output) {
        memcpy(fresh->alive, m->shadow->alive, bits_words(m->rows) * sizeof(uint64_t));
        fresh->dead = m->shadow->dead;
        fresh->searched = true;
    }
    for (uint32_t i = 0; i < m->choice->count; i++) {
        struct segment *input = m->choice->inputs[i];
        segment_set_heir(input, fresh, input->heir_rows);
        input->searched = false;
        birth = input->birth > birth ? input->birth : birth;
        fresh->log_past = input->log_past > fresh->log_past ? input->log_past : fresh->log_past;
    }
    fresh->birth = birth; /* who searches the old ones now need not search this one too */
}

void merge_repoint(struct shard *s, const struct segment *g)
{
    for (uint32_t row = 0; row < g->rows; row++) {
        id_map_move(&s->ids, segment_id_at(g, row), segment_version_at(g, row), g->handle, row);
        if (row % 64 == 0)
            fiber_checkpoint();
    }
}

static void forget_tombstones(const struct merge *m)
{
    const struct tombstone *dropped = m->tombstones + m->tombstone_count;
    for (uint32_t i = 0; i < m->tombstones_dropped; i++) {
        id_map_forget(&m->shard->ids, dropped[i].id, dropped[i].version);
        if (i % 64 == 0)
            fiber_checkpoint();
    }
}

/* Every reactor that has rows of the old segments must let go of them first: until then it may tell us of deaths there. */
static int tell_others(struct merge *m)
{
    struct store *store = m->shard->store;
    const struct replacement r = {m->shard->config.id, m->ids, m->choice->count, m->file};
    for (;;) {
        int rc = store->options.hooks.replaced(&r, store->options.hooks.arg);
        if (rc == 0 || m->shard->gate.closed || store->interrupted)
            return rc;
        log_warn("a merged segment of '%s' is not yet used by all cores (%s); it will be tried again",
                 m->shard->config.name, strerror(-rc));
        fiber_sleep_ns(RETRY_NS);
    }
}

static void remove_files(const struct merge *m)
{
    char path[PATH_TEXT_MAX];
    for (uint32_t i = 0; i < m->choice->count; i++) {
        int rc = store_segment_path(m->shard->store, m->ids[i], path);
        if (rc == 0)
            rc = file_remove(path);
        if (rc < 0 && rc != -ENOENT)
            log_warn("%s is not needed any more but could not be removed (%s); the next start removes it", path,
                     strerror(-rc));
    }
}

/* -- the whole -- */

static int prepare(struct merge *m)
{
    int rc = verify_inputs(m);
    if (rc == 0)
        rc = make_shadow(m);
    for (uint32_t i = 0; rc == 0 && i < m->choice->count; i++)
        rc = place_rows(m, m->choice->inputs[i]);
    if (rc == 0)
        rc = take_tombstones(m);
    if (rc < 0 || (m->rows == 0 && m->tombstone_count == 0))
        return rc;
    rc = write_file(m);
    return rc < 0 ? rc : open_output(m);
}

static void give_up(struct merge *m, int rc)
{
    for (uint32_t i = 0; i < m->choice->count; i++) {
        struct segment *input = m->choice->inputs[i];
        segment_set_heir(input, NULL, NULL);
        input->merging = false;
        segment_let_go(input);
    }
    if (!m->output)
        return;
    shard_remove_segment(m->shard, m->output);
    if (rc == -ENOENT)
        ignore_result(file_remove(m->path)); /* the collection is gone; otherwise the next start decides */
}

int merge_run(struct shard *s, const struct merge_choice *choice)
{
    struct merge m = {.shard = s, .choice = choice, .pause = {shard_pause, s}};
    struct store_stats *stats = &s->store->stats;
    uint64_t start_ns = clock_now_ns(), rows = 0;
    for (uint32_t i = 0; i < choice->count; i++) {
        segment_hold(choice->inputs[i]);
        choice->inputs[i]->merging = true;
        m.ids[i] = choice->inputs[i]->id;
        rows += choice->inputs[i]->rows;
    }
    build_begin(&s->store->merging, choice->count > 1 ? BUILD_MERGE : BUILD_COMPACT, s->config.id, (uint32_t)rows);
    int rc = prepare(&m);
    if (rc == 0)
        rc = flush_what_buried(s);
    if (rc == 0)
        rc = commit(&m);
    if (rc < 0) {
        give_up(&m, rc);
    } else {
        build_enter(&s->store->merging, BUILD_TAKING_OVER);
        swap(&m);
        if (m.output)
            merge_repoint(s, m.output);
        forget_tombstones(&m);
        remove_files(&m);
        int told = tell_others(&m);
        for (uint32_t i = 0; i < choice->count; i++) {
            segment_let_go(choice->inputs[i]);
            if (told == 0)
                shard_remove_segment(s, choice->inputs[i]);
        }
        stats->merges += choice->count > 1;
        stats->compactions += choice->count == 1;
        stats->merged_bytes += m.output ? m.output->disk_bytes : 0;
        stats->merged_segments += choice->count;
        stats->merged_rows += rows;
        stats->merge_ns_total += clock_now_ns() - start_ns;
    }
    build_end(&s->store->merging);
    if (m.shadow)
        segment_retire(m.shadow);
    free(m.tombstones);
    return rc;
}
