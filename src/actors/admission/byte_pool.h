/* byte_pool.h -- the memory for the frames of a core, but the smallest. It is given out as the
 * bytes of a frame come in. Counts only: the holder allocates. One reactor's.
 *
 * Always true:
 * 1. What is held is what has come in, and one step more: a frame of 100 MiB that comes slowly
 *    holds little.
 * 2. Every frame that has begun can be finished: all that have begun could get the rest of their
 *    bytes one after the other, the oldest first, without any new memory (the banker's algorithm;
 *    Dijkstra, EWD 623, for one resource).
 * 3. Ranks may use the less of the pool the less urgent they are, so an urgent frame finds room
 *    beside any number of others. Within a rank frames begin in the order in which they came. */
#pragma once

#include "base/check.h"
#include <stdbool.h>
#include <stdint.h>

enum byte_rank {
    BYTES_URGENT, /* the whole pool */
    BYTES_SMALL,  /* seven eighths of it, with those below; small ones of no hurry */
    BYTES_LARGE,  /* three quarters */
    BYTE_RANKS
};

/* One frame. Zero-initialised: it holds nothing. */
struct byte_claim {
    struct byte_claim *next, *prev; /* of those that are not complete, by age */
    uint64_t total, held, wanted;
    enum byte_rank rank;
    struct fiber *fiber; /* waits until it holds `wanted`; NULL: does not wait */
    bool joined;
    uint64_t began_ns, waited_ns; /* for memory, not for the sender */
    uint64_t arrived;             /* bytes that have come in; kept by the reader */
};

struct byte_pool {
    uint64_t bytes, held[BYTE_RANKS];
    uint64_t
        /* as many bytes it shall have when no frame is coming in, for those could not be
         * finished; 0: as it has */
        smaller;
    struct byte_claim *oldest, *newest;
    uint32_t waiting;
};

void byte_pool_init(struct byte_pool *p, uint64_t bytes);
/* A larger one serves those that wait at once, a smaller one is so when the frames
 * that are coming in have. */
void byte_pool_resize(struct byte_pool *p, uint64_t bytes);
/* The most that a frame of that rank can hold. One that is larger is counted as that. */
uint64_t byte_pool_most(const struct byte_pool *p, enum byte_rank rank);
uint64_t byte_pool_held(const struct byte_pool *p); /* by all */
/* Begins a frame of so many bytes. Waits for its turn; -ETIME at deadline_ns (0: never). */
MUST_USE int byte_pool_begin(struct byte_pool *p, struct byte_claim *c, enum byte_rank rank, uint64_t bytes,
                             uint64_t deadline_ns);
/* Waits until c holds so many bytes. -ETIME at deadline_ns (0: never): then c holds what it
 * held. */
MUST_USE int byte_pool_grow(struct byte_pool *p, struct byte_claim *c, uint64_t bytes, uint64_t deadline_ns);
/* Others wait, and less has arrived of c than a sender in earnest would have sent in the time. */
bool byte_pool_too_slow(const struct byte_pool *p, const struct byte_claim *c, uint64_t now_ns);
/* Gives everything back. May be called of a claim that never began. */
void byte_pool_end(struct byte_pool *p, struct byte_claim *c);
