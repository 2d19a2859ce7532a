/* admission.h -- which requests run now, which wait, and which are refused. Each core has one,
 * for the requests of its connections.
 *
 * Before it starts, a request says what it will cost: an estimate of the time (cost.h), and the
 * exact memory. Each class of requests has a lane. A lane lets a bounded amount run at once;
 * other requests of the class wait in it. Always true:
 * 1. No request waits in a lane that has room, unless a more urgent lane waits for memory.
 * 2. Among the connections that wait in a lane, the one that was given least is served next. The
 *    requests of a connection are served in the order in which they came.
 * 3. The number of waiting requests is bounded, and so is their time, but for loads. A
 *    request that cannot be served in its time is refused at once, with the time after
 *    which to repeat it.
 * 4. A connection whose unread answers fill its share of the memory gets no more large answers
 *    until it has read some.
 * 5. A connection has at most 256 KiB in small requests and their answers. Beyond that its
 *    requests ask for memory as large ones do. */
#pragma once

#include "base/error.h"
#include "reactor/fibers/fiber.h"

struct request;

enum admission_class {
    ADMIT_SEARCH,     /* short searches and fetches */
    ADMIT_BATCH,      /* long ones: many queries, scans, large answers */
    ADMIT_LOAD,       /* upserts, deletes, fetches of many points */
    ADMIT_BACKGROUND, /* sealing, compaction, verification, snapshots */
    ADMISSION_CLASSES
};

/* WAIT: it would wait too long, or has waited too long. COUNT: too many wait.
 * MEMORY: memory is missing. */
enum admission_refusal { REFUSED_WAIT, REFUSED_COUNT, REFUSED_MEMORY, ADMISSION_REFUSALS };

/* How long requests waited: waits[i] of them at most admission_wait_bounds_ms[i], those of
 * the last entry longer. */
#define ADMISSION_WAITS 12
extern const uint32_t admission_wait_bounds_ms[ADMISSION_WAITS - 1];

struct admission_counts {
    /* queued: requests that had to wait, whether they were served or not */
    uint64_t admitted, queued;
    uint64_t refused[ADMISSION_REFUSALS];
    uint64_t waits[ADMISSION_WAITS], wait_ns;
    uint32_t waiting; /* now */
};

/* The requests of one connection that wait in one lane. Zero-initialised is valid. */
struct admission_flow {
    struct admission_flow *next, *prev; /* in the lane, by the virtual start of its first request */
    struct admission_wait *head, **tail;
    uint64_t finish;  /* virtual time, of the last request that joined */
    uint64_t work_ns; /* of all waiting requests */
    uint64_t bytes;   /* memory that admitted requests of this flow hold */
};

struct admission_lane {
    struct admission_flow *head, *tail;
    uint32_t flows, waiting, running;
    uint64_t waiting_ns, running_ns; /* estimated work */
    /* virtual start of the request that was last served out of the queue */
    uint64_t virtual_ns;
    uint64_t finish_max; /* of all flows */
    /* While requests wait, the lane measures how long estimated work takes: the time that
     * passed, and the estimated work that was done in it, as fading sums. */
    double took_ns, done_ns;
    uint64_t measured_at_ns, measured_work_ns;
};

struct admission {
    struct admission_lane lanes[ADMISSION_CLASSES];
    struct admission_flow own[ADMISSION_CLASSES]; /* of requests without a connection */
    uint32_t waiting;
    /* held by requests that asked for memory; the most that all requests may hold */
    uint64_t bytes, bytes_max;
    uint64_t small_bytes; /* held by small requests, which need not ask */
    struct admission_counts *counts;
};

/* What a request holds of the core; a member of struct request. Zero-initialised: nothing. */
struct admission_ticket {
    /* counts its bytes; NULL: the request was never admitted */
    struct admission_flow *flow;
    struct admission_wait *wait;          /* not NULL while it waits */
    uint64_t work_ns, bytes, small_bytes; /* small_bytes: memory that it did not have to ask for */
    enum admission_class cls;
    bool running;
};

struct core;
uint64_t admission_queue_ns(const struct core *c); /* the setting admission.queue_ms */

/* counts[ADMISSION_CLASSES] must live as long as a. */
void admission_init(struct admission *a, uint64_t bytes_max, struct admission_counts *counts);

/* Lets rq begin, at once or when its turn comes. `work_ns` is its time on this core, `bytes` its
 * memory beside its frame. An ADMIT_SEARCH that is long or large goes to ADMIT_BATCH. Returns 0,
 * or an errno with a sentence in rq->error: rq was refused, its deadline passed, or it was
 * cancelled. Waits only when others are served first. */
MUST_USE int admission_enter(struct request *rq, enum admission_class cls, uint64_t work_ns, uint64_t bytes,
                             const char *what);
/* The same for work in pieces of piece_ns. Admits rq for the first piece; between pieces
 * admission_next_piece() lets others go first. */
MUST_USE int admission_enter_pieces(struct request *rq, enum admission_class cls, uint64_t work_ns, uint64_t piece_ns,
                                    uint64_t bytes, const char *what);
/* Called between two pieces of rq's work. When others wait in its lane, rq joins them, so a
 * connection that asks for an hour of work gets its share of the core and no more. rq keeps its
 * memory. Waits. Fails when rq is cancelled or its deadline passes. */
MUST_USE int admission_next_piece(struct request *rq, uint64_t piece_ns, const char *what);
/* Asks for more memory without waiting, when the need could not be known before. Errors
 * as admission_enter(). */
MUST_USE int admission_grow(struct request *rq, uint64_t bytes, const char *what);
/* The work of rq is done. It keeps at most bytes_left bytes beside its frame; the
 * rest is free for others. */
void admission_work_done(struct request *rq, uint64_t bytes_left);
/* leave: the work of rq is done, and another request may begin. forget: its answer has been
 * sent, and its memory is given back. Both may be called for a request that was never admitted. */
void admission_leave(struct request *rq);
void admission_forget(struct request *rq);
/* Refuses a request for whose frame of `bytes` bytes no memory came in time: counts
 * it, and sets its error. */
void admission_refuse_frame(struct request *rq, enum admission_class cls, uint64_t bytes);
/* rq was cancelled: ends its wait, if it waits. */
void admission_cancelled(struct request *rq);
