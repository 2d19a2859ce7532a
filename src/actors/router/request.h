/* request.h -- what one request of a client has while it runs: its deadline, its memory, and the
 * sentence if it fails.
 *
 * A request lives on the core of its connection and comes from a pool. Its small arena keeps a
 * block between requests, so a usual search allocates nothing. */
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
    struct session *session; /* NULL: the request has no connection */
    uint64_t id;             /* chosen by the client */
    uint64_t started_ns;
    uint64_t bytes;          /* counted by the session: the frame, and the memory beside it */
    bool has_place;          /* a place of core.places */
    struct byte_claim frame; /* the memory of a large frame, of core.frames */
    struct admission_ticket ticket;
    struct arena arena; /* small allocations: messages, ids, the head of the answer */
    struct arena bulk;  /* vectors and payloads; freed after each request */
    struct arena
        /* a large head of an answer; all else is freed before the answer is sent */
        answer;
    struct error error;
    struct request *next, *prev; /* in the list of the session or of the pool */
};

struct request_pool {
    struct request *free;
    uint32_t count, most;
    uint32_t unused; /* the least `count` since the last request_pool_trim() */
};

/* Takes a request with a fresh context from the pool. deadline_ms 0: no
 * deadline. NULL: no memory. */
struct request *request_acquire(struct core *c, uint32_t deadline_ms);
void request_release(struct request *rq);
/* Frees the bulk or the answer of rq. Pauses. */
void request_free(struct request *rq, struct arena *a);
uint64_t request_bytes(const struct request *rq); /* memory that it holds now */
/* Frees requests of the pool that were not used since the last call, all but a few. */
void request_pool_trim(struct request_pool *p);
void request_pool_fini(struct request_pool *p);

/* Writes the sentence for a failure that any request may meet. Both functions return rc, or the
 * errno that fits the sentence. */
int request_error(struct request *rq, int rc, const char *what);
/* For -ENOMEM of an admitted request with `count` points or queries. When the request passed the
 * bound of one request, the sentence says how many it may have, and the code is ERROR_TOO_LARGE. If
 * one is too many, the sentence says `remedy`: "" or "do this, or ". */
int request_error_memory(struct request *rq, uint64_t count, const char *noun, const char *what, const char *remedy);
