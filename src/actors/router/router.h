/* router.h -- what a client may ask, answered from all reactors. Runs in the request's own fiber on
 * the core of its connection.
 *
 * Writes of an id go to its owner; searches go to every reactor and are merged. The part of one's
 * own core is done in place. All functions wait; they return 0, or a negative errno with the
 * sentence in rq->error. Answers live in the request's arenas. Everything a client can get wrong is
 * checked here, whatever brought the request. */
#pragma once

#include "actors/router/request.h"
#include "query/query.h"
#include "query/write.h"
#include "shards/store.h"
#include "shards/verify/verify.h"

/* -- collections -- */

MUST_USE int router_create(struct request *rq, struct collection_config *config);
MUST_USE int router_drop(struct request *rq, const char *name);
/* (router_schema.c) *ret is the collection as the change has left it, in rq's arena.
 * Errors of schema_change(). */
MUST_USE int router_change_schema(struct request *rq, const char *name, const struct schema_change *change,
                                  struct collection_config *ret);
struct router_collections {
    struct collection_config *configs; /* by name; their schemas are without fields */
    const char **damages;              /* of each: why nothing of it is served, or "" */
    size_t count;
};
/* Each lets rq begin (admission.h) with the memory that its answer takes: a list of all
 * collections, the stats, the text of the metrics. */
MUST_USE int router_enter_list(struct request *rq);
MUST_USE int router_enter_stats(struct request *rq, bool with_collections);
MUST_USE int router_enter_metrics(struct request *rq);
MUST_USE int router_list(struct request *rq, struct router_collections *ret);
/* *ret_config and the sum over all reactors. */
MUST_USE int router_info(struct request *rq, const char *name, struct collection_config *ret_config,
                         struct shard_info *ret);
/* Of all collections, with one message to each reactor. Those that are damaged have
 * nothing but their name. */
struct router_info {
    const char *name;
    uint64_t id;
    bool damaged;
    struct shard_info sum;
};
MUST_USE int router_infos(struct request *rq, struct router_info **ret, size_t *ret_count);
struct router_segments {
    struct segment_info *items; /* growing ones last, then by id */
    size_t count;
};
/* The list lies in `arena`, the caller's. */
MUST_USE int router_segments(struct request *rq, const char *name, struct arena *arena, struct router_segments *ret);

/* Every reactor's part; return when that is done. The work goes on when the request is given up. */
MUST_USE int router_seal(struct request *rq, const char *name);
MUST_USE int router_compact(struct request *rq, const char *name);

/* Why nothing new is stored: the errno of the disk, with the sentence; 0: it is. Does not wait. */
int router_read_only(const struct core *c, struct error *ret);

/* Appends all metrics in Prometheus' text format. -ENOMEM, and whatever keeps a
 * reactor from answering. */
MUST_USE int router_metrics(struct request *rq, struct buffer *out);

/* -- settings (router_config.c) -- */

/* The own core's are those of all. value NULL: the default again. When it returns 0 it outlives a
 * restart, and every core goes by it. */
MUST_USE int router_config_set(struct request *rq, const char *name, const char *value);

/* -- checking the disk -- */

struct router_verify {
    const char *collection;  /* "": everything */
    struct verify_cursor at; /* moved on; VERIFY_DONE: this was the last stretch */
    struct verify_progress progress;
    struct verify_damage **damages; /* found in this stretch */
    size_t damage_count;
};
/* One stretch of at most about half a second. Also of a collection that is damaged. */
MUST_USE int router_verify(struct request *rq, struct router_verify *v);

/* -- points -- */

/* *ret_count: points that were written or deleted. */
MUST_USE int router_write(struct request *rq, const struct write *w, uint64_t *ret_count);

/* Points of all queries one after the other. */
struct router_points {
    uint32_t count;
    size_t row_bytes; /* of a vector */
    struct point_id *ids;
    float *scores;    /* of a search */
    uint32_t *counts; /* of a search: hits of each query */
    uint32_t query_count;
    float *vectors;          /* when asked for; count rows */
    uint32_t *payload_sizes; /* when asked for */
    uint8_t *payloads;
    uint64_t payload_bytes;
};
MUST_USE int router_search(struct request *rq, const struct query *q, struct router_points *ret);
MUST_USE int router_get(struct request *rq, const struct fetch *ask, struct router_points *ret);

/* -- snapshots (router_snapshot.c) -- */

struct snapshot_info;
struct snapshot_verify;

/* name "": the time. */
MUST_USE int router_snapshot_create(struct request *rq, const char *name, struct snapshot_info *ret);
/* In the request's arena. */
MUST_USE int router_snapshot_list(struct request *rq, const struct snapshot_info **ret, size_t *ret_count);
/* Goes on from v->next for a part of a second. */
MUST_USE int router_snapshot_verify(struct request *rq, const char *name, struct snapshot_verify *v);
MUST_USE int router_snapshot_restore(struct request *rq, const char *name);
MUST_USE int router_snapshot_delete(struct request *rq, const char *name);
