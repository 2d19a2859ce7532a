/* router_metrics.c -- everything that is measured, as one text. Segments are asked for one collection after the other: nobody waits for
 * this. */
#include "actors/metrics_collections.h"
#include "actors/router_internal.h"
#include "actors/server.h"

#include <errno.h>
#include <string.h>

/* False: the collection was dropped meanwhile. */
static bool collection_read(struct request *rq, const struct router_info *from, struct arena *scratch,
                            struct metrics_collection *ret)
{
    struct router_segments segments;
    *ret = (struct metrics_collection){.name = from->name, .damaged = from->damaged, .points = from->sum.points};
    if (from->damaged)
        return true;
    if (router_segments(rq, from->name, scratch, &segments) < 0) {
        ret->damaged = rq->error.code == ERROR_CORRUPT; /* which was found just now */
        rq->error.code = ERROR_OK;
        return ret->damaged;
    }
    for (size_t i = 0; i < segments.count; i++)
        metrics_collection_add(ret, &segments.items[i]);
    return true;
}

static int collections_format(struct request *rq, struct buffer *out)
{
    struct router_info *infos;
    size_t count, n = 0;
    if (router_infos(rq, &infos, &count) < 0) {
        rq->error.code = ERROR_OK; /* the server is not serving just now: the rest is worth telling */
        return 0;
    }
    struct metrics_collection *all = arena_alloc(&rq->bulk, (count + 1) * sizeof *all);
    if (!all)
        return -ENOMEM;
    struct arena scratch = {0};
    for (size_t i = 0; i < count; i++) {
        n += collection_read(rq, &infos[i], &scratch, &all[n]);
        arena_reset(&scratch);
        fiber_checkpoint();
    }
    arena_fini(&scratch);
    return metrics_collections_format(all, n, out);
}

int router_metrics(struct request *rq, struct buffer *out)
{
    unsigned reactors = rq->core->reactors;
    struct metrics_sample *samples = arena_alloc(&rq->bulk, reactors * sizeof *samples);
    int rc = samples ? server_measure(samples, &rq->bulk) : -ENOMEM;
    if (rc == 0)
        rc = metrics_format(samples, reactors, out);
    return rc < 0 ? rc : collections_format(rq, out);
}
