/* router_metrics.c -- collects all metrics into one text. */
#include "actors/control_messages.h"
#include "actors/metrics/metrics_collections.h"
#include "actors/router/router_internal.h"
#include "actors/server.h"

#include <errno.h>

/* Each reactor adds its segments to the same sums, one reactor after the other. So there is one
 * message for each reactor, however many collections there are. */
static int segments_add(struct request *rq, const uint64_t *ids, struct metrics_collection *all, size_t count)
{
    int rc = 0;
    for (unsigned r = 0; rc == 0 && r < rq->core->reactors; r++) {
        struct control_segments_message m = {.ids = ids, .all = all, .count = count};
        rc = message_call(&m.base, address_of(r, ACTOR_ASK), MSG_CONTROL_SEGMENTS, NULL);
    }
    return rc;
}

static int collections_format(struct request *rq, struct buffer *out)
{
    struct router_info *infos;
    size_t count;
    if (router_infos(rq, &infos, &count) < 0) {
        /* the server does not serve just now; the metrics without collections are still useful */
        rq->error.code = ERROR_OK;
        return 0;
    }
    struct metrics_collection *all = arena_alloc(&rq->bulk, (count + 1) * sizeof(*all));
    uint64_t *ids = arena_alloc(&rq->bulk, (count + 1) * sizeof(*ids));
    if (!all || !ids)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++, fiber_checkpoint()) {
        ids[i] = infos[i].id;
        all[i] = (struct metrics_collection){
            .name = infos[i].name, .damaged = infos[i].damaged, .points = infos[i].sum.points};
    }
    int rc = segments_add(rq, ids, all, count);
    return rc < 0 ? rc : metrics_collections_format(all, count, out);
}

/* Reads the search times of one core after the other, and sums them. All at once would take 16
 * MiB for 128 cores. NULL: no memory. */
static struct search_times *times_read(struct request *rq, int *ret_rc)
{
    struct search_times *sum = arena_alloc(&rq->bulk, sizeof(*sum)), *one = arena_alloc(&rq->bulk, sizeof(*one));
    if (!sum || !one)
        return NULL;
    search_times_init(sum);
    for (unsigned r = 0; r < rq->core->reactors && *ret_rc == 0; r++) {
        *ret_rc = server_measure_times(r, one);
        if (*ret_rc == 0)
            search_times_add(sum, one);
        fiber_checkpoint();
    }
    return sum;
}

int router_metrics(struct request *rq, struct buffer *out)
{
    unsigned reactors = rq->core->reactors;
    struct metrics_sample *samples = arena_alloc(&rq->bulk, reactors * sizeof(*samples));
    int rc = samples ? server_measure(samples, &rq->bulk) : -ENOMEM;
    const struct search_times *times = rc == 0 ? times_read(rq, &rc) : NULL;
    if (rc == 0)
        rc = times ? metrics_format(samples, reactors, times, rq->core->server->options.front->operation_name, out)
                   : -ENOMEM;
    return rc < 0 ? rc : collections_format(rq, out);
}
