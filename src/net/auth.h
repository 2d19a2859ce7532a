/* auth.h -- who asks, and what they may ask.
 *
 * A connection has a principal; each request takes it over when it is received. A protocol learns
 * the principal in its own way and checks it in one place, before the request reaches the router.
 * Nobody has to say who they are yet: every connection has the principal of its front, who may do
 * all. */
#pragma once

#include "base/error.h"

/* Each includes those before it. */
enum right {
    RIGHT_NONE,   /* whoever has a connection: a ping */
    RIGHT_READ,   /* searches, fetches, counts, statistics */
    RIGHT_WRITE,  /* points are written and deleted */
    RIGHT_MANAGE, /* collections, segments, snapshots and settings change */
    RIGHTS
};

struct grant {
    const char *collection;
    enum right right;
};

struct principal {
    const char *name;           /* in sentences and logs; no secret */
    enum right everywhere;      /* on every collection, and on the server as a whole */
    const struct grant *grants; /* more rights on single collections; NULL: none */
    unsigned grant_count;
};

extern const struct principal principal_all, principal_read_only, principal_none;

/* collection NULL or "": on the server as a whole. */
enum right principal_right(const struct principal *p, const char *collection);

/* 0, or ERROR_PERMISSION_DENIED with a sentence that names the operation and the right it
 * lacks. */
MUST_USE int principal_check(const struct principal *p, enum right needed, const char *operation,
                             const char *collection, struct error *error);
