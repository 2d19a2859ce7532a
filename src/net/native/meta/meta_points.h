/* meta_points.h -- reads metas with point ids: Upsert, Delete and Get, with up to a million ids and
 * 64 MiB. They are read field by field with pauses (wire.h). Payloads are not copied; they stay in
 * the frame. */
#pragma once

#include "actors/router/request.h"
#include "query/query.h"
#include "query/write.h"

struct meta_points_ask {
    const char *collection;
    const struct point_id *ids;
    uint64_t count;
    struct selection select;        /* for Get */
    struct write_payloads payloads; /* for Upsert; points into the frame */
    uint64_t first_row;             /* for Upsert */
};

enum meta_points_kind { META_UPSERT, META_DELETE, META_GET };

/* Reads a meta of n bytes into *ret, in the request's arenas. Pauses. 0, or a negative errno with
 * the sentence in rq->error: the bytes are no such message, there are too many points, or ids of
 * both kinds. */
MUST_USE int meta_points_read(struct request *rq, enum meta_points_kind kind, const uint8_t *meta, size_t n,
                              struct meta_points_ask *ret);
