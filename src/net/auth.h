/* auth.h -- principals: on whose behalf a request is made, and what it may do.
 *
 * A connection has a principal, and each request gets the one that its connection has when the
 * request is received. Each protocol finds the principal in its own way and checks rights in one
 * place, before the request reaches the router. Authentication is not implemented yet: every
 * connection has the principal of its listener, which has all rights. */
#pragma once

#include "base/error.h"

/* Each right includes those before it. */
enum right {
    RIGHT_NONE,   /* any connection: a ping */
    RIGHT_READ,   /* searches, fetches, counts, statistics */
    RIGHT_WRITE,  /* writing and deleting points */
    RIGHT_MANAGE, /* changing collections, segments, snapshots and settings */
    RIGHTS
};

struct grant {
    const char *collection;
    enum right right;
};

struct principal {
    const char *name;           /* for sentences and logs; not secret */
    enum right everywhere;      /* the right on every collection, and on the server as a whole */
    const struct grant *grants; /* additional rights on single collections; NULL: none */
    unsigned grant_count;
};

extern const struct principal principal_admin, principal_read_only, principal_anonymous;

/* The right of p on a collection; NULL or "": on the server as a whole. */
enum right principal_right(const struct principal *p, const char *collection);

/* 0, or ERROR_PERMISSION_DENIED with a sentence that names the operation and the missing right. */
MUST_USE int principal_check(const struct principal *p, enum right needed, const char *operation,
                             const char *collection, struct error *error);
