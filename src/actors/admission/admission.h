/* admission.h -- which requests run now, which wait, and which are refused. One a core, for the
 * requests of its connections.
 *
 * A request says what it will cost before it starts: time (cost.h) and memory, exactly. Each class
 * has a lane: so much of it may run at once, the others wait. Always true:
 * 1. Nobody waits in a lane that has room, unless memory is missing that a more urgent lane waits
 *    for.
 * 2. Among the connections that wait in a lane the one that was given least is served next; of a
 *    connection, the request that came first.
 * 3. What waits is bounded: in number, and for all but loads in time. Who cannot be served in its
 *    time is told so at once, with when to come again.
 * 4. A connection whose answers lie here unread, and fill its share of the memory, gets no more
 *    large ones until it has read some.
 * 5. A connection has at most 256 KiB in small requests and their answers beside those that asked
 *    for memory as large ones do. */
#pragma once

#include "base/error.h"
#include "reactor/fibers/fiber.h"

struct request;

enum admission_class {
    ADMIT_SEARCH,     /* searches and fetches that are done in no time */
    ADMIT_BATCH,      /* those that are not: many queries, scans, large answers */
    ADMIT_LOAD,       /* upserts, deletes, fetches of many points */
    ADMIT_BACKGROUND, /* sealing, compaction, verification, snapshots */
    ADMISSION_CLASSES
};

/* It would wait too long, or has; too many wait; memory is missing. */
enum admission_refusal { REFUSED_WAIT, REFUSED_COUNT, REFUSED_MEMORY, ADMISSION_REFUSALS };

/* Waits of those that waited: counts[i] took at most admission_wait_bounds_ms[i],
 * the last one longer. */
#define ADMISSION_WAITS 12
extern const uint32_t admission_wait_bounds_ms[ADMISSION_WAITS - 1];

struct admission_counts {
    uint64_t admitted, queued; /* queued: had to wait first, whatever became of it */
    uint64_t refused[ADMISSION_REFUSALS];
    uint64_t waits[ADMISSION_WAITS], wait_ns;
    uint32_t waiting; /* now */
};

/* The requests of one connection that wait in one lane. Zero-initialised is valid. */
struct admission_flow {
    struct admission_flow *next, *prev; /* in the lane, by the virtual start of the first */
    struct admission_wait *head, **tail;
    uint64_t finish;  /* virtual, of the last one that joined */
    uint64_t work_ns; /* of all that wait */
    uint64_t bytes;   /* that requests of this flow hold which were admitted */
};

struct admission_lane {
    struct admission_flow *head, *tail;
    uint32_t flows, waiting, running;
    uint64_t waiting_ns, running_ns; /* work, as estimated */
    /* the start of the last one that was served out of the queue */
    uint64_t virtual_ns;
    uint64_t finish_max; /* of all flows */
    /* While somebody waits it is measured how long what takes. */
    double took_ns, done_ns; /* time that went by, and estimated work that was done in it; lately */
    uint64_t measured_at_ns, measured_work_ns;
};

struct admission {
    struct admission_lane lanes[ADMISSION_CLASSES];
    struct admission_flow own[ADMISSION_CLASSES]; /* of requests that came by no connection */
    uint32_t waiting;
    uint64_t bytes, bytes_max; /* held by requests that asked for memory; what all may hold */
    uint64_t small_bytes;      /* held by requests that did not have to ask */
    struct admission_counts *counts;
};

/* What a request holds of the core; in struct request. Zero-initialised: nothing. */
struct admission_ticket {
    struct admission_flow *flow;          /* whose bytes count it; NULL: it was never admitted */
    struct admission_wait *wait;          /* while it waits */
    uint64_t work_ns, bytes, small_bytes; /* small_bytes: what it did not have to ask for */
    enum admission_class cls;
    bool running;
};

struct core;
uint64_t admission_queue_ns(const struct core *c); /* the setting admission.queue_ms */

/* counts[ADMISSION_CLASSES] must live as long. */
void admission_init(struct admission *a, uint64_t bytes_max, struct admission_counts *counts);

/* Lets rq begin, at once or when it is its turn: `work_ns` of time on this core and `bytes` of
 * memory beside its frame. A short ADMIT_SEARCH that is not short by these goes to ADMIT_BATCH.
 * Returns 0, or with the sentence in rq->error: it was refused, its deadline passed, or its client
 * gave it up. Waits only when others are served first. */
MUST_USE int admission_enter(struct request *rq, enum admission_class cls, uint64_t work_ns, uint64_t bytes,
                             const char *what);
/* The same for work in pieces of piece_ns: it is let in for the first, and gives others their turn
 * between two of them. */
MUST_USE int admission_enter_pieces(struct request *rq, enum admission_class cls, uint64_t work_ns, uint64_t piece_ns,
                                    uint64_t bytes, const char *what);
/* A piece of rq's work is done and another one follows. When others wait in its lane, it joins
 * them: a connection that asks for an hour of work gets its share of the core, and not the core.
 * Its memory stays its own. Waits; fails when rq is given up. */
MUST_USE int admission_next_piece(struct request *rq, uint64_t piece_ns, const char *what);
/* What was asked of memory was not enough, because nobody could know before: asks for more without
 * waiting. As admission_enter(). */
MUST_USE int admission_grow(struct request *rq, uint64_t bytes, const char *what);
/* The work is done, and rq keeps only so much memory beside its frame. Others may have the rest. */
void admission_work_done(struct request *rq, uint64_t bytes_left);
/* The work is done: the next may begin. Its memory is held until admission_forget(), when the
 * answer has left. Both may be called of a request that was never admitted. */
void admission_leave(struct request *rq);
void admission_forget(struct request *rq);
/* Counts and tells the refusal of a request whose frame of so many bytes found no room in its
 * time. */
void admission_refuse_frame(struct request *rq, enum admission_class cls, uint64_t bytes);
/* rq was cancelled: if it waits, it comes back. */
void admission_cancelled(struct request *rq);
