/* recall_watch.c -- a fiber of class background that repeats a sampled search exactly and
 * compares the two. The pause after it is in proportion to its time. */
#include "actors/metrics/recall_watch.h"
#include "actors/core.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define K_MAX      100 /* searches with a larger k are not measured */
#define REST_SHARE 19  /* the pause after a measurement is so many times its CPU time */
#define REST_LEAST ((uint64_t)100000000)

/* Counts the hits that are no farther than the last exact hit, but for rounding. Of points at
 * the same distance any will do. */
static uint32_t count_found(const struct point_hit *hits, uint32_t count, const struct point_hit *exact,
                            uint32_t exact_count)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        const float last = exact[exact_count - 1].distance;
        /* A distance by codes may be a little too small. Two vectors at the same
         * distance have it to the bit. */
        bool is = hits[i].distance <= last - 1e-5f * fabsf(last) || hits[i].distance == last;
        for (uint32_t j = 0; j < exact_count && !is; j++)
            is = point_id_equal(hits[i].id, exact[j].id);
        found += is;
    }
    return found < exact_count ? found : exact_count;
}

static void compare(struct core *c, struct shard *s)
{
    struct recall_watch *w = &c->recall;
    struct point_hit *hits = calloc(2 * w->query.k, sizeof(*hits)), *exact = hits + w->query.k;
    int n = hits ? shard_search(s, &w->query, hits) : -ENOMEM;
    w->query.exact = true;
    int m = n >= 0 ? shard_search(s, &w->query, exact) : n;
    if (m > 0) {
        const uint32_t found = count_found(hits, (uint32_t)n, exact, (uint32_t)m);
        c->metrics.recall_samples++;
        c->metrics.recall_wanted += (uint32_t)m;
        c->metrics.recall_found += found;
        if (w->query.ef == 0 && w->query.recall > 0 && w->query.recall < 1)
            shard_recall_note(s, w->query.recall, found, (uint32_t)m);
    }
    free(hits);
}

static void run(void *arg)
{
    struct core *c = arg;
    struct recall_watch *w = &c->recall;
    struct collection_entry *e;
    const uint64_t began_ns = clock_now_ns(), ran_ns = fiber_ran_ns(began_ns);
    if (core_enter(c, w->collection, &e) == 0) {
        compare(c, e->shard);
        core_leave(e);
    }
    const uint64_t now_ns = clock_now_ns(), rest_ns = REST_SHARE * (fiber_ran_ns(now_ns) - ran_ns);
    const uint64_t least_ns = w->hurries ? 0 : REST_LEAST;
    w->next_ns = now_ns + (rest_ns > least_ns ? rest_ns : least_ns);
    free(w->vector);
    w->vector = NULL;
    w->running = false;
    event_notify_all(&w->ended);
}

void recall_watch_note(struct core *c, const struct collection_entry *e, const struct shard_query *q)
{
    struct recall_watch *w = &c->recall;
    const uint64_t one_in = c->settings.search_recall_sample;
    const size_t row = vector_bytes(collection_vector(&e->config));
    const bool is_first = q->ef == 0 && shard_recall_is_unknown(e->shard);
    w->searches++;
    if (one_in == 0 || (w->searches < one_in && !is_first) || w->running || c->state != CORE_SERVING || q->k > K_MAX ||
        clock_now_ns() < w->next_ns)
        return;
    w->vector = malloc(row);
    if (!w->vector)
        return;
    memcpy(w->vector, q->vector, row);
    w->collection = e->config.id;
    w->hurries = is_first;
    w->query = *q;
    w->query.vector = w->vector;
    w->query.part = (struct search_part){.asked = false};
    w->query.aside = true;
    w->query.ctx = &w->ctx;
    w->query.error = NULL;
    w->ctx = (struct context){0};
    w->searches = 0;
    w->running = fiber_start(CLASS_BACKGROUND, run, c, "recall watch") == 0;
    if (!w->running) {
        free(w->vector);
        w->vector = NULL;
    }
}

void recall_watch_stop(struct core *c)
{
    struct recall_watch *w = &c->recall;
    while (w->running) {
        context_cancel(&w->ctx);
        event_wait(&w->ended);
    }
}
