/* throttle.c -- each write gets a span of time behind the span of the write before it. The span is
 * rows * (time to link a row) * urgency. At urgency 1, all writers of a shard together write as
 * fast as graphs are built, however many writers there are. The urgency grows with the backlog, and
 * is 1 when the backlog is 1.7 times the bound. */
#include "shards/background/throttle.h"

#define URGENCY_PER_BOUND 1.5
/* scanning so much takes a search some tenths of a millisecond */
#define SCANNED_BYTES_MAX ((uint64_t)4 << 20)
#define SCANNED_WAIT_NS   ((uint64_t)1000000000)
#define SCANNED_LOOK_NS   ((uint64_t)500000)

/* A write that waits sees after so long that it was given up, or its collection dropped. */
#define LOOK_NS ((uint64_t)10000000)
#define LOOKERS 16 /* when more writes wait, each looks less often, to save the core's time */

void throttle_measure(struct store *store, uint64_t ns, uint32_t rows)
{
    if (rows == 0)
        return;
    double row_ns = (double)ns / rows;
    store->row_ns = store->row_ns > 0 ? 0.75 * store->row_ns + 0.25 * row_ns : row_ns;
}

static uint32_t segment_rows(const struct shard *s)
{
    return s->growing ? s->growing->rows.max : shard_growing_rows(s);
}

static uint64_t bound(const struct shard *s)
{
    return s->store->backlog_rows ? s->store->backlog_rows : segment_rows(s);
}

static double urgency(const struct shard *s)
{
    uint64_t behind = 0;
    for (uint32_t i = 0; i < s->segment_count; i++) {
        const struct segment *g = s->segments[i];
        if (g)
            behind += segment_backlog(g);
    }
    double over = (double)behind / (double)bound(s) - 1;
    return over > 0 ? over * URGENCY_PER_BOUND : 0;
}

/* A factor for the time between two looks: with many writes that wait, each looks less often. */
static uint64_t patience(const struct store *store)
{
    return 1 + store->stats.slowed_now / LOOKERS;
}

/* When a write that waits has to look again, at the latest. */
static uint64_t next_look_ns(const struct store *store, const struct context *ctx)
{
    const uint64_t soon = clock_now_ns() + LOOK_NS * patience(store);
    return ctx && ctx->deadline_ns && ctx->deadline_ns < soon ? ctx->deadline_ns : soon;
}

int throttle_wait_sealing(struct store *store, const struct context *ctx)
{
    store->stats.slowed_now++;
    const int rc = event_wait_until(&store->sealing_ended, next_look_ns(store, ctx));
    store->stats.slowed_now--;
    return rc;
}

static bool may_wait(const struct shard *s, const struct context *ctx)
{
    return !s->gate.closed && !s->dropped && !s->store->read_only && context_check(ctx) == 0;
}

/* Waits while the first rows come faster than codes and lists are trained on them. On an idle core
 * the training takes milliseconds. Beside searches that scan all these rows it would take seconds.
 * The wait ends after SCANNED_WAIT_NS, and when the training waits for memory. */
static bool wait_for_codes(const struct shard *s, const struct context *ctx)
{
    const uint64_t until = clock_now_ns() + SCANNED_WAIT_NS;
    bool waited = false;
    while (s->growing && segment_index_scanned_bytes(s->growing->vectors[0].index) > SCANNED_BYTES_MAX &&
           clock_now_ns() < until && !s->store->memory.wanted && may_wait(s, ctx)) {
        fiber_sleep_ns(SCANNED_LOOK_NS * patience(s->store));
        waited = true;
    }
    return waited;
}

static bool wait_for_graphs(struct shard *s, uint32_t rows, const struct context *ctx)
{
    struct store *store = s->store;
    double slow = urgency(s);
    if (slow <= 0 || store->row_ns <= 0)
        return false;
    uint64_t now = clock_now_ns(), from = s->throttle_ns > now ? s->throttle_ns : now;
    bool waited = from > now;
    const uint64_t place_ns = (uint64_t)(rows * store->row_ns * slow);
    s->throttle_ns = from + place_ns;
    for (; now < from && may_wait(s, ctx); now = clock_now_ns()) {
        const uint64_t look_ns = next_look_ns(store, ctx);
        fiber_sleep_ns((from < look_ns ? from : look_ns) - now);
    }
    if (now < from)
        s->throttle_ns -= place_ns; /* given up, so later writes need not wait for this one */
    return waited;
}

void throttle_wait(struct shard *s, uint32_t rows, const struct context *ctx)
{
    struct store_stats *stats = &s->store->stats;
    const uint64_t began = clock_now_ns();
    stats->slowed_now++;
    bool waited = wait_for_codes(s, ctx);
    waited |= wait_for_graphs(s, rows, ctx);
    stats->slowed_now--;
    stats->slowed_writes += waited;
    stats->slowed_ns += waited ? clock_now_ns() - began : 0;
}

uint32_t throttle_frozen_max(const struct shard *s)
{
    const uint64_t segments = 2 * bound(s) / segment_rows(s);
    return segments < 2 ? 2 : segments > UINT32_MAX ? UINT32_MAX : (uint32_t)segments;
}
