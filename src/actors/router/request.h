/* request.h -- what one request of a client has while it runs: its deadline, its memory, and the
 * sentence if it fails.
 *
 * Lives on the core of its connection. Comes from a pool: its small arena keeps a block between
 * requests, so that a usual search allocates nothing. */
#pragma once

#include "actors/admission/admission.h"
#include "actors/admission/byte_pool.h"
#include "base/memory.h"
#include "reactor/fibers/fiber.h"

struct core;
struct session;

struct request {
    struct context ctx;
    struct core *core;
    struct session *session; /* NULL: not of a connection */
    uint64_t id;             /* the client's */
    uint64_t started_ns;
    uint64_t bytes;          /* counted by the session: the frame, and what it needs beside it */
    bool has_place;          /* one of core.places */
    struct byte_claim frame; /* on core.frames; of a large frame */
    struct admission_ticket ticket;
    struct arena arena; /* small things: messages, ids, the head of the answer */
    struct arena bulk;  /* vectors and payloads; given back after each request */
    struct arena
        /* the head of the answer when it is large: what it was made of is given
         * back before it is sent */
        answer;
    struct error error;
    struct request *next, *prev; /* in the session, or in the pool */
};

struct request_pool {
    struct request *free;
    uint32_t count, most;
    uint32_t unused; /* least of `count` since request_pool_trim() */
};

/* A request with a fresh context: deadline_ms 0 is none. NULL when there is no memory. */
struct request *request_acquire(struct core *c, uint32_t deadline_ms);
void request_release(struct request *rq);
/* Frees the bulk or the answer of rq. Pauses. */
void request_free(struct request *rq, struct arena *a);
uint64_t request_bytes(const struct request *rq); /* memory it has now */
/* Frees those of the pool that were not wanted since the last call, but for a few. */
void request_pool_trim(struct request_pool *p);
void request_pool_fini(struct request_pool *p);

/* The sentences every request may need; both return rc or the negative errno for it. */
int request_error(struct request *rq, int rc, const char *what);
/* -ENOMEM of an admitted request for `count` points or queries. ERROR_TOO_LARGE, with how many of
 * them one request may have, when that is why. */
int request_error_memory(struct request *rq, uint64_t count, const char *noun, const char *what);
