/* router_metrics.c -- everything that is measured, as one text. Collections are asked one after the other: nobody waits for this. */
#include "actors/metrics_collections.h"
#include "actors/router_internal.h"
#include "actors/server.h"

#include <errno.h>
#include <string.h>

/* A collection that is dropped or damaged meanwhile is told as damaged, or not at all. */
static bool collection_read(struct request *rq, const char *name, struct metrics_collection *ret)
{
    struct collection_config config;
    struct shard_info info;
    struct router_segments segments;
    *ret = (struct metrics_collection){.name = name};
    int rc = router_info(rq, name, &config, &info);
    if (rc == 0)
        rc = router_segments(rq, name, &segments);
    if (rc < 0) {
        ret->damaged = rq->error.code == ERROR_CORRUPT;
        rq->error.code = ERROR_OK;
        return ret->damaged;
    }
    ret->points = info.points;
    for (size_t i = 0; i < segments.count; i++)
        metrics_collection_add(ret, &segments.items[i]);
    return true;
}

static int collections_format(struct request *rq, struct buffer *out)
{
    struct router_collections names;
    if (router_list(rq, &names) < 0) {
        rq->error.code = ERROR_OK; /* the server is not serving just now: the rest is worth telling */
        return 0;
    }
    struct metrics_collection *all = arena_alloc(&rq->bulk, (names.count + 1) * sizeof *all);
    if (!all)
        return -ENOMEM;
    size_t n = 0;
    for (size_t i = 0; i < names.count; i++)
        n += collection_read(rq, names.configs[i]->name, &all[n]);
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
