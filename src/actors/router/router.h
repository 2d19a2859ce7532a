/* router.h -- the operations of clients, answered from all reactors that have what they need.
 * They run in the request's own fiber, on the core of its connection.
 *
 * Writes of an id go to its owner. A search goes to its own core and to the reactors that have
 * rows which this core lacks; their answers are merged. The part of the own core is done in
 * place. All functions wait. They return 0, or a negative errno with the sentence in
 * rq->error. Answers live in the request's arenas. Everything that a client can get wrong is
 * checked here, for every protocol. */
#pragma once

#include "actors/router/request.h"
#include "query/answer.h"
#include "query/query.h"
#include "query/write.h"
#include "shards/store.h"
#include "shards/verify/verify.h"

/* -- collections -- */

MUST_USE int router_create(struct request *rq, struct collection_config *config);
MUST_USE int router_drop(struct request *rq, const char *name);
/* Changes a schema (router_schema.c). *ret is the collection after the change, in rq's arena.
 * Errors of schema_change(). */
MUST_USE int router_change_schema(struct request *rq, const char *name, const struct schema_change *change,
                                  struct collection_config *ret);
struct router_collections {
    struct collection_config *configs; /* by name; their schemas are copied without fields */
    /* for each collection: the sentence about its damage, or "" */
    const char **damages;
    size_t count;
};
/* Each lets rq begin (admission.h) with the memory for its answer: a list of all collections,
 * the stats, or the text of the metrics. */
MUST_USE int router_enter_list(struct request *rq);
MUST_USE int router_enter_stats(struct request *rq, bool with_collections);
MUST_USE int router_enter_metrics(struct request *rq);
MUST_USE int router_list(struct request *rq, struct router_collections *ret);
/* Reads the config of a collection, and its counts summed over all reactors. */
MUST_USE int router_info(struct request *rq, const char *name, struct collection_config *ret_config,
                         struct shard_info *ret);
/* Counts of one of all collections, read with one message to each reactor. A damaged
 * collection has no counts. */
struct router_info {
    const char *name;
    uint64_t id;
    bool damaged;
    struct shard_info sum;
};
MUST_USE int router_infos(struct request *rq, struct router_info **ret, size_t *ret_count);
struct router_segments {
    struct segment_info *items; /* by id; growing and frozen segments, which have none, last */
    size_t count;
};
/* The list is put into `arena`, which is the caller's. */
MUST_USE int router_segments(struct request *rq, const char *name, struct arena *arena, struct router_segments *ret);

/* Seal or compact the parts of all reactors; return when all are done. A request that is
 * cancelled returns, and the work goes on. */
MUST_USE int router_seal(struct request *rq, const char *name);
MUST_USE int router_compact(struct request *rq, const char *name);

/* Returns the errno of the disk for which nothing new is stored, with its sentence; 0: the store
 * takes writes. Does not wait. */
int router_read_only(const struct core *c, struct error *ret);

/* Appends all metrics in Prometheus' text format. -ENOMEM, or the error of a reactor
 * that did not answer. */
MUST_USE int router_metrics(struct request *rq, struct buffer *out);

/* -- settings (router_config.c) -- */

/* Changes a setting. value NULL: back to the default. When it returns 0, the value survives a
 * restart and every core uses it. To read settings, look at those of the own core. */
MUST_USE int router_config_set(struct request *rq, const char *name, const char *value);

/* -- checking the disk -- */

struct router_verify {
    const char *collection;  /* "": all collections */
    struct verify_cursor at; /* is moved on; VERIFY_DONE: this was the last piece */
    struct verify_progress progress;
    struct verify_damage **damages; /* found in this piece */
    size_t damage_count;
};
/* Checks one piece of files, for about half a second at most. Also works for
 * a damaged collection. */
MUST_USE int router_verify(struct request *rq, struct router_verify *v);

/* -- points -- */

/* *ret_count: how many points were written or deleted. */
MUST_USE int router_write(struct request *rq, const struct write *w, uint64_t *ret_count);

MUST_USE int router_search(struct request *rq, const struct query *q, struct answer *ret);
MUST_USE int router_get(struct request *rq, const struct fetch *ask, struct answer *ret);

/* -- snapshots (router_snapshot.c) -- */

struct snapshot_info;
struct snapshot_verify;

/* name "": the server names it by the time. */
MUST_USE int router_snapshot_create(struct request *rq, const char *name, struct snapshot_info *ret);
/* *ret lies in the request's arena. */
MUST_USE int router_snapshot_list(struct request *rq, const struct snapshot_info **ret, size_t *ret_count);
/* Verifies for a part of a second, from v->next on. */
MUST_USE int router_snapshot_verify(struct request *rq, const char *name, struct snapshot_verify *v);
MUST_USE int router_snapshot_restore(struct request *rq, const char *name);
MUST_USE int router_snapshot_delete(struct request *rq, const char *name);
