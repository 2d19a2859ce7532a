/* work.c -- what goes on in the background: graphs for rows that have none, and sealing what is full.
 *
 * A sealed segment comes into being in steps that a crash may interrupt anywhere: write it aside, flush, rename, commit it to the
 * manifest together with the position from which the log is still needed, then put it in the place of the frozen one. Before the commit the
 * file is rubbish that the next start removes; after it the log up to that position is not needed. */
#include "base/log.h"
#include "shards/shard.h"

#include <errno.h>
#include <string.h>

#define LOG_PER_GROWING 4 /* a log longer than this many growing segments has its oldest one sealed */

#define IDLE_NS ((uint64_t)5000000000) /* a growing segment that nobody wrote to for so long, */
#define IDLE_ROWS                                                                                                      \
    20000 /* and that is worth a file of its own, is sealed: a start then need not build its graph again */

/* -- sealing -- */

static uint64_t next_segment_id(struct store *store)
{
    unsigned n = store->options.reactors;
    uint64_t id = store->segment_id_max + 1;
    id += (store->options.reactor + n - id % n) % n; /* so that this reactor searches it */
    return store->segment_id_max = id;
}

static void count_build(struct store *store, uint64_t duration_ns)
{
    uint64_t seconds = (duration_ns + 999999999) / 1000000000;
    unsigned bucket = 0;
    while (bucket < ARRAY_LEN(store->stats.build_seconds_buckets) - 1 && seconds > (uint64_t)1 << bucket)
        bucket++;
    store->stats.build_seconds_buckets[bucket]++;
    store->stats.build_ns_total += duration_ns;
    store->stats.builds++;
}

static int commit(struct shard *s, const struct segment *g, uint64_t id)
{
    struct store *store = s->store;
    struct manifest_edit edit = {
        .segment = {id, s->config.id, g->rows, g->tombstone_count, g->version_max},
        .epoch = store->epoch,
        .reactor = store->options.reactor,
        .log_start = store_log_needed(store, g),
    };
    int rc = store->options.hooks.commit(&edit, store->options.hooks.arg);
    if (rc == 0)
        log_free_before(store->log, edit.log_start);
    return rc;
}

/* Puts the mapped file in the place of the frozen segment. Until the swap rows may die in the frozen one: no wait after the copy. */
static int swap(struct shard *s, struct segment *frozen, const char *path)
{
    struct segment *sealed;
    struct error error = {0};
    struct manifest_segment m = {frozen->id, s->config.id, frozen->rows, frozen->tombstone_count, frozen->version_max};
    int rc = segment_open(path, &s->config, &m, true, &sealed, &error);
    if (rc < 0) { /* it stays in memory; the file is good or the next start says so */
        log_error("a segment of '%s' was sealed but cannot be opened: %s", s->config.name, error.text);
        return rc;
    }
    memcpy(sealed->alive, frozen->alive, bits_words(frozen->rows) * sizeof(uint64_t));
    sealed->dead = frozen->dead;
    sealed->handle = frozen->handle;
    s->segments[frozen->handle] = sealed;
    segment_retire(frozen);
    return 0;
}

static int seal(struct shard *s, struct segment *g)
{
    struct store *store = s->store;
    struct pause pause = {shard_pause, s};
    char dir[PATH_TEXT_MAX], path[PATH_TEXT_MAX];
    uint64_t start_ns = clock_now_ns();
    int rc = segment_index_advance(g->index, &g->vectors, g->rows, &pause);
    if (rc == 0)
        rc = segment_index_join(g->index, &pause);
    uint64_t id = next_segment_id(store);
    if (rc == 0)
        rc = path_join(dir, store->dir, "segments");
    if (rc == 0)
        rc = store_segment_path(store, id, path);
    if (rc == 0)
        rc = segment_write(g, &s->config, id, dir, path, &g->disk_bytes);
    if (rc == 0)
        rc = s->gate.closed ? -ECANCELED : commit(s, g, id);
    if (rc < 0)
        return rc;
    g->state = SEGMENT_SEALED;
    g->id = id;
    s->frozen--;
    store->stats.seals++;
    count_build(store, clock_now_ns() - start_ns);
    rc = swap(s, g, path);
    event_notify_all(&store->settled);
    return rc;
}

/* -- choosing -- */

static struct segment *find_frozen(const struct shard *s)
{
    for (uint32_t i = 0; i < s->segment_count; i++)
        if (s->segments[i]->state == SEGMENT_FROZEN)
            return s->segments[i];
    return NULL;
}

/* A shard that is seldom written would hold the log of the busy ones for ever: its growing segment is sealed though it is not full. */
static void freeze_oldest(struct store *store)
{
    uint64_t needed = store_log_needed(store, NULL);
    if (log_position(store->log) - needed <= LOG_PER_GROWING * store->options.growing_bytes_max)
        return;
    for (struct shard *s = store->shards; s; s = s->next)
        if (s->growing && s->growing->log_first == needed)
            shard_freeze(s);
}

static void idle_over(void *store)
{
    store_notify_work(store);
}

/* Freezes a growing segment that has come to rest; if it may soon, sees to it that we are called again then. */
static bool freeze_idle(struct shard *s, const struct segment *g)
{
    if (g->rows < IDLE_ROWS)
        return false;
    uint64_t now_ns = clock_now_ns(), idle_at_ns = g->written_ns + IDLE_NS;
    if (now_ns >= idle_at_ns) {
        shard_freeze(s);
        return true;
    }
    timer_cancel(&s->store->idle);
    timer_start(&s->store->idle, idle_at_ns, idle_over, s->store);
    return false;
}

/* Builds the graph of what has none, or seals; 1: did something. */
static int work_on(struct shard *s)
{
    struct segment *g = find_frozen(s);
    if (g) {
        int rc = seal(s, g);
        return rc < 0 ? rc : 1;
    }
    g = s->growing;
    if (!g)
        return 0;
    if (segment_index_graphed(g->index) >= g->rows)
        return freeze_idle(s, g);
    struct pause pause = {shard_pause, s};
    segment_hold(g);
    int rc = segment_index_advance(g->index, &g->vectors, g->rows, &pause);
    segment_let_go(g);
    return rc < 0 ? rc : 1;
}

int store_work(struct store *store)
{
    if (store->interrupted)
        return -ECANCELED;
    freeze_oldest(store);
    for (struct shard *s = store->shards; s; s = s->next) {
        if (gate_enter(&s->gate) < 0)
            continue;
        int rc = work_on(s);
        bool dropped = s->gate.closed;
        if (rc < 0 && !dropped && !store->interrupted) {
            if (store->work_failed != rc)
                log_error("background work on '%s' failed: %s; it will be tried again", s->config.name, strerror(-rc));
            store->work_failed = rc;
            event_notify_all(&store->settled);
        } else if (rc > 0) {
            store->work_failed = 0;
        }
        gate_leave(&s->gate);
        if (dropped)
            return 1;
        if (rc != 0)
            return rc;
    }
    return 0;
}
