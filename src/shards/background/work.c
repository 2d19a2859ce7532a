/* work.c -- background work on graphs and seals: links unindexed rows, and seals frozen segments.
 *
 * A seal has steps, and a crash may come between any two. The file is written under another name,
 * flushed and renamed. One commit adds it to the manifest, and moves the position from which the
 * log is needed. Then the sealed segment takes the place of the frozen one. A crash before the
 * commit leaves a file that the next start removes. */
#include "base/log.h"
#include "shards/background/columns.h"
#include "shards/background/throttle.h"
#include "shards/folder/read_only.h"
#include "shards/segment/index_plan.h"
#include "shards/segment/segment_install.h"
#include "shards/segment/shared_segment.h"
#include "shards/shard.h"
#include "shards/snapshot/snapshot.h"

#include <errno.h>
#include <string.h>

/* a log longer than this many growing segments is shortened: free_log() */
#define LOG_PER_GROWING 4

/* A growing segment with IDLE_ROWS rows that was not written for IDLE_NS is sealed, so that a start
 * need not build its graph again. */
#define IDLE_NS   ((uint64_t)5000000000)
#define IDLE_ROWS 20000

/* -- sealing -- */

void store_count_build(struct store *store, uint64_t duration_ns)
{
    uint64_t seconds = (duration_ns + 999999999) / 1000000000;
    unsigned bucket = 0;
    while (bucket < ARRAY_LEN(store->stats.build_seconds_buckets) - 1 && seconds > (uint64_t)1 << bucket)
        bucket++;
    store->stats.build_seconds_buckets[bucket]++;
    store->stats.build_ns_total += duration_ns;
    store->stats.builds++;
}

static int commit(struct shard *s, const struct segment *g)
{
    struct store *store = s->store;
    bool clean = clean_begin(s, g);
    struct manifest_edit edit = {
        .segment = g->file,
        .epoch = store->epoch,
        .reactor = store->options.reactor,
        .log_start = store_log_needed(store, g),
        .cleaned = &s->config.id,
        .cleaned_count = clean,
    };
    int rc = segment_install_commit(s, &edit);
    if (clean)
        clean_end(s);
    if (rc == 0) {
        if (edit.log_start > store->log_start)
            store->log_start = edit.log_start;
        store_free_log(store);
    }
    return rc;
}

static int write_index(struct segment_install *in, struct container_writer *w)
{
    const struct segment_vectors *v = &in->source.parts->segment->vectors[0];
    return segment_write_index(w, collection_vector(&in->shard->config), v->index, &v->plan.why);
}

/* A file that was written in an earlier attempt is kept, because a commit that failed may be on the
 * disk, so the manifest may name the file. */
static int write_file(struct shard *s, struct segment *g)
{
    const struct segment_part part = {g, NULL};
    const struct pause pause = {shard_pause, s};
    const unsigned reactors = s->store->options.reactors, reactor = s->store->options.reactor;
    struct segment_install in = {
        .shard = s,
        .source = {&part, 1, g->rows.count, g->tombstones.items, g->tombstones.count, g->rows.version_max},
        .file = {.owners = reactors, .owner = reactor},
        .pause = &pause,
        .write_index = write_index,
    };
    if (g->file.id)
        return 0;
    int rc = segment_install_write(&in);
    if (rc == 0)
        g->file = in.file;
    return rc;
}

/* The position behind all records of the frozen segment. Without DURABILITY_FLUSH the log is
 * flushed first. Otherwise a crash could leave an older record of an id in the log and lose the
 * newer one, which only the segment has. */
static uint64_t find_log_past(const struct shard *s)
{
    struct log *log = s->store->log;
    int rc = s->config.durability == DURABILITY_FLUSH ? 0 : log_flush(log);
    return rc == 0 ? log_position(log) : UINT64_MAX;
}

/* Maps the new file, and reads all of it back. That comes before the commit, while the
 * log still has the rows. */
static int open_file(struct shard *s, struct segment *g, struct segment **ret)
{
    char path[PATH_TEXT_MAX];
    struct error error = {0};
    int rc = store_segment_path(s->store, g->file.id, path);
    if (rc == 0)
        rc = segment_read_back(path, &s->config, &g->file, ret, &error);
    if (rc < 0 && error.code == ERROR_CORRUPT) {
        log_error("a new segment of '%s' reads back wrong and is written again: %s", s->config.name, error.text);
        s->store->work_damage = error;
        g->file.id = 0; /* the next start removes the damaged file */
    }
    return rc;
}

/* Puts the sealed segment in the place of the frozen one, with the alive bits of this
 * moment. Does not wait. */
static void swap(struct shard *s, struct segment *frozen, struct segment *sealed)
{
    segment_install_alive(sealed, frozen);
    segment_install_swap(sealed, &frozen, 1);
    sealed->handle = frozen->handle;
    s->store->stats.sealed_bytes += sealed->disk_bytes;
    s->segments[frozen->handle] = sealed;
    s->losses = LOSSES_UNKNOWN;
    segment_retire(frozen);
}

static int build_graph(struct shard *s, struct segment *g)
{
    struct pause pause = {shard_pause, s};
    while (g->vectors[0].indexing)
        event_wait(&s->store->indexed);
    g->vectors[0].indexing = true;
    uint64_t start_ns = clock_now_ns();
    uint32_t before = segment_index_graphed(g->vectors[0].index);
    /* Only frozen segments are built with other reactors: the steps of a growing graph are too
     * small to be worth a message. */
    segment_index_lend_queries(g->vectors[0].index, s->queries ? &s->queries->sample : NULL);
    const struct workers *workers = g->state == SEGMENT_FROZEN ? s->store->options.workers : NULL;
    int rc = segment_index_build(g->vectors[0].index, &g->vectors[0].values.at, g->rows.count, workers, &pause);
    g->vectors[0].indexing = false;
    event_notify_all(&s->store->indexed);
    throttle_measure(s->store, clock_now_ns() - start_ns, segment_index_graphed(g->vectors[0].index) - before);
    return rc;
}

static int build_and_write(struct shard *s, struct segment *g)
{
    struct build_progress *progress = &s->store->sealing;
    struct pause pause = {shard_pause, s};
    build_begin(progress, BUILD_SEAL, s->config.id, g->rows.count);
    build_enter_graph(progress, g->vectors[0].index, g->rows.count);
    struct gathered_queries queries = {0};
    int rc = build_graph(s, g);
    build_enter(progress, BUILD_CODES);
    if (rc == 0)
        rc = gathered_queries_init(&queries, s, g->rows.count);
    segment_index_lend_queries(g->vectors[0].index, &queries.sample);
    if (rc == 0)
        rc = index_plan_finish(&g->vectors[0].plan, s, g->vectors[0].index, &g->vectors[0].values.at, g->rows.count,
                               &pause);
    segment_index_lend_queries(g->vectors[0].index, NULL);
    gathered_queries_fini(&queries);
    build_enter(progress, BUILD_WRITING);
    return rc < 0 ? rc : write_file(s, g);
}

static int seal_frozen(struct shard *s, struct segment *g)
{
    struct store *store = s->store;
    uint64_t start_ns = clock_now_ns();
    int rc = build_and_write(s, g);
    struct segment *sealed = NULL;
    if (rc == 0)
        rc = open_file(s, g, &sealed);
    if (rc == 0) {
        g->log.past = find_log_past(s); /* before the commit, which may free the log up to there */
        rc = s->gate.closed ? -ECANCELED : commit(s, g);
    }
    if (rc < 0) {
        segment_destroy(sealed);
        return rc;
    }
    s->frozen--;
    store->stats.seals++;
    store->stats.seal_ns_total += clock_now_ns() - start_ns;
    store_count_build(store, clock_now_ns() - start_ns);
    swap(s, g, sealed);
    event_notify_all(&store->sealing_ended);
    return 0;
}

static int seal(struct shard *s, struct segment *g)
{
    int rc = seal_frozen(s, g);
    build_end(&s->store->sealing);
    return rc;
}

/* -- choosing -- */

static struct segment *find_frozen(const struct shard *s)
{
    struct segment *oldest = NULL;
    for (uint32_t i = 0; i < s->segment_count; i++) {
        struct segment *g = s->segments[i];
        if (g && g->state == SEGMENT_FROZEN && (!oldest || g->birth < oldest->birth))
            oldest = g;
    }
    return oldest;
}

/* Keeps the log short. A shard that is seldom written would hold the oldest part of the log for
 * ever. So its growing segment is frozen, or appended to the log again if it is small. */
static void free_log(struct store *store)
{
    const uint64_t limit = LOG_PER_GROWING * store->options.growing_bytes_max, position = log_position(store->log);
    if (store->log_may_go) {
        store->log_may_go = false;
        log_let_go(store);
    }
    if (position - store->log_needed <= limit)
        return; /* log_needed never falls, so the log that is needed cannot be longer */
    const uint64_t needed = store->log_needed = store_log_needed(store, NULL);
    if (position - needed <= limit)
        return;
    const bool small_stay = log_again(store, needed + limit / 8, limit / 2);
    for (struct shard *s = store->shards; s; s = s->next)
        if (!s->damage.code && s->growing && s->growing->log.first == needed && !(small_stay && shard_stays_in_log(s)))
            shard_freeze(s);
}

static void idle_over(void *arg)
{
    struct store *store = arg;
    store->idle_at_ns = 0;
    for (struct shard *s = store->shards; s; s = s->next)
        if (s->growing && !shard_stays_in_log(s))
            due_add(s, DUE_WORK);
    store_notify_work(store);
}

/* Freezes a growing segment that is old, or that has IDLE_ROWS rows and was not
 * written for IDLE_NS. Otherwise starts the timer for that moment. A small segment
 * stays in the log (log_again.c). */
static bool freeze_by_time(struct shard *s, const struct segment *g)
{
    struct store *store = s->store;
    if (shard_stays_in_log(s))
        return false;
    uint64_t at_ns = g->created_ns + (uint64_t)store->options.seal_age_s * 1000000000;
    if (g->rows.count >= IDLE_ROWS && g->written_ns + IDLE_NS < at_ns)
        at_ns = g->written_ns + IDLE_NS;
    if (clock_now_ns() >= at_ns) {
        shard_freeze(s);
        return true;
    }
    if (store->idle_at_ns == 0 || at_ns < store->idle_at_ns) {
        timer_cancel(&store->idle);
        timer_start(&store->idle, at_ns, idle_over, store);
        store->idle_at_ns = at_ns;
    }
    return false;
}

/* Does one of these: shares a sealed segment, seals a frozen one, works on columns, or links
 * unindexed rows. 1: it did something. */
static int work_on(struct shard *s)
{
    struct segment *g = find_frozen(s);
    int rc = shard_share_rest(s);
    if (rc != 0)
        return rc;
    if (g) {
        rc = store_bytes_to_seal(s->store) <= store_room(s->store) ? seal(s, g) : -ENOSPC;
        return rc < 0 ? rc : 1;
    }
    if (shard_announce_sealed(s))
        return 1;
    rc = shard_work_on_columns(s);
    if (rc != 0)
        return rc;
    g = s->growing;
    if (!g)
        return 0;
    if (segment_backlog(g) == 0)
        return freeze_by_time(s, g);
    segment_hold(g);
    rc = build_graph(s, g);
    segment_let_go(g);
    return rc < 0 ? rc : 1;
}

int store_work(struct store *store)
{
    if (store->interrupted)
        return -ECANCELED;
    free_log(store);
    struct shard *s;
    while ((s = due_pop(store, DUE_WORK))) {
        if (s->dropped || gate_enter(&s->gate) < 0)
            continue;
        uint64_t round = store->round;
        int rc = work_on(s);
        bool dropped = s->gate.closed || s->dropped;
        if (rc < 0 && !dropped && !store->interrupted && store_met_failure(store, rc, round)) {
            rc = 1; /* tried again at once */
        } else if (rc < 0 && !dropped && !store->interrupted) {
            if (store->work_failed != rc)
                log_error("background work on '%s' failed: %s; it will be tried again", s->config.name, strerror(-rc));
            store->work_failed = rc;
            store->failures++;
            event_notify_all(&store->sealing_ended);
        } else if (rc > 0) {
            store->work_failed = 0;
        }
        if (rc != 0)
            shard_changed(s);
        gate_leave(&s->gate);
        if (dropped)
            return 1;
        if (rc != 0)
            return rc;
        fiber_checkpoint();
    }
    return store_clean(store);
}
