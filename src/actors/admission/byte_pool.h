/* byte_pool.h -- the memory for the frames of a core, without the smallest frames. It is
 * given out as the bytes of a frame arrive. The pool only counts; its caller allocates. It
 * belongs to one reactor.
 *
 * Always true:
 * 1. A frame holds memory for what has arrived and one step more. So a frame of 100 MiB that
 *    arrives slowly holds little.
 * 2. Every frame that has begun can be finished. All of them could get the rest of their bytes
 *    one after the other, the oldest first, without new memory. (The banker's algorithm:
 *    Dijkstra, EWD 623, for one resource.)
 * 3. Less urgent ranks may use less of the pool. So an urgent frame finds room beside any number
 *    of others. Frames of one rank begin in the order in which they came. */
#pragma once

#include "base/check.h"
#include <stdbool.h>
#include <stdint.h>

enum byte_rank {
    BYTES_URGENT, /* may use the whole pool */
    BYTES_SMALL,  /* may use 7/8 of it, together with BYTES_LARGE; small frames without hurry */
    BYTES_LARGE,  /* may use 3/4 of it */
    BYTE_RANKS
};

/* The memory of one frame. Zero-initialised: it holds none. */
struct byte_claim {
    struct byte_claim *next, *prev; /* the frames that are not complete, by age */
    uint64_t total, held, wanted;
    enum byte_rank rank;
    struct fiber *fiber; /* waits until the frame holds `wanted`; NULL: no fiber waits */
    bool joined;
    uint64_t began_ns, waited_ns; /* for memory; waiting for the sender does not count */
    uint64_t arrived;             /* bytes that have arrived; the reader of the frame counts them */
};

struct byte_pool {
    uint64_t bytes, held[BYTE_RANKS];
    uint64_t
        /* the size to take when no frame is arriving, because such frames could not be finished
         * in a smaller pool; 0: no change is due */
        smaller;
    struct byte_claim *oldest, *newest;
    uint32_t waiting;
};

void byte_pool_init(struct byte_pool *p, uint64_t bytes);
/* A larger size serves waiting frames at once. A smaller size takes effect when all arriving
 * frames are complete. */
void byte_pool_resize(struct byte_pool *p, uint64_t bytes);
/* The most that a frame of that rank can hold. A larger frame is counted as that. */
uint64_t byte_pool_most(const struct byte_pool *p, enum byte_rank rank);
uint64_t byte_pool_held(const struct byte_pool *p); /* by all frames */
/* Begins a frame of `bytes` bytes. Waits for its turn. -ETIME: deadline_ns has
 * passed (0: no deadline). */
MUST_USE int byte_pool_begin(struct byte_pool *p, struct byte_claim *c, enum byte_rank rank, uint64_t bytes,
                             uint64_t deadline_ns);
/* Waits until c holds `bytes` bytes. -ETIME: deadline_ns has passed (0: no deadline), and c
 * holds what it held before. */
MUST_USE int byte_pool_grow(struct byte_pool *p, struct byte_claim *c, uint64_t bytes, uint64_t deadline_ns);
/* True when others wait and the bytes of c arrived below the rate that byte_pool.c demands. */
bool byte_pool_too_slow(const struct byte_pool *p, const struct byte_claim *c, uint64_t now_ns);
/* Gives everything back. May be called for a claim that never began. */
void byte_pool_end(struct byte_pool *p, struct byte_claim *c);
