/* budget.h -- memory is a budget: the server uses at most --memory, whatever its clients do.
 *
 * Reactor 0 keeps the budget. A store may use what it was granted. A write, a build or a merge
 * that needs more waits for an answer from reactor 0; that happens once in some megabytes.
 * Searches, connections and deletions never ask. A part is kept for them, and what they use
 * beyond it is taken from the stores' part. Freed memory that the heap does not give back to the
 * system counts as used.
 *
 * The answers also say how scarce memory is, by the pressure of store_memory_grant(). Its levels
 * are entered one after the other and left together. */
#pragma once

#include "base/error.h"
#include "base/memory_use.h"
#include "reactor/fibers/sync.h"
#include "reactor/runtime.h"

struct core;

#define BUDGET_BYTES_MIN ((uint64_t)64 << 20)
#define PRESSURE_LEVELS  4
/* at least 1/8 is kept for searches, connections and deletions */
#define BUDGET_KEPT_SHARE 8
#define BUDGET_OF_REACTOR ((uint64_t)8 << 20) /* the least memory of a reactor */

/* Shares of the whole, the same for every caller. 0: no bound. This one: the memory of indexes,
 * which AUTOINDEX keeps to. */
uint64_t budget_of_indexes(uint64_t memory_bytes);
/* Bytes of vectors in a growing segment, on each reactor. asked: the user's choice; 0: none. */
uint64_t budget_of_growing(uint64_t memory_bytes, unsigned reactors, uint64_t asked);
/* Memory of sealed segments that a start may take on one reactor. The rest is for the log, which
 * is replayed next, and for writers. 0: no bound. */
uint64_t budget_of_start(uint64_t memory_bytes, unsigned reactors);
/* How much one reactor is granted beyond what it asked for. */
uint64_t budget_ahead(uint64_t memory_bytes, unsigned reactors);
/* How many connections of `bytes_each` bytes there may be. 0: no bound. */
uint64_t budget_of_connections(uint64_t memory_bytes, uint64_t bytes_each);
/* Memory for the large requests of one reactor. */
uint64_t budget_of_requests(uint64_t memory_bytes, unsigned reactors);
/* How many things of `bytes_each` bytes fit into a sixteenth of a reactor's part of the memory.
 * At least `least` and at most `most`; `most` when there is no bound. */
uint64_t budget_of_many(uint64_t memory_bytes, unsigned reactors, uint64_t bytes_each, uint64_t least, uint64_t most);
/* Memory that is kept for the program, searches, connections and deletions. */
uint64_t budget_kept(uint64_t memory_bytes, unsigned reactors);

/* The least memory that so many reactors can work with. Each has fibers, buffers and growing
 * segments of its own. */
uint64_t budget_least(unsigned reactors);
/* The most reactors for which so much memory is enough; at least 1. */
unsigned budget_reactors_most(uint64_t memory_bytes);
/* Fails when so many reactors cannot work with so much memory, with a sentence that names the
 * least memory and the most reactors. */
MUST_USE int budget_check(uint64_t memory_bytes, unsigned reactors, struct error *error);

/* -- reactor 0 -- */

struct budget {
    uint64_t bytes; /* 0: no bound */
    unsigned reactors;
    struct budget_part {
        struct memory_use use; /* as last reported */
        /* by the store of the reactor, with what work that has begun will need */
        uint64_t needed;
        uint64_t granted;
        uint64_t turns;
    } parts[REACTORS_MAX];
    /* memory of the process that no part reports: what the heap keeps, and the program itself */
    uint64_t lost;
    unsigned pressure; /* 0 to 3 */
    /* by budget_take_room(): since the last look, and between the two looks before */
    uint64_t taken[2];
    uint64_t looked_ns; /* time of the last look */
    uint64_t trim_ns;   /* earliest time of the next trim of the heap, */
    /* and of a trim even though the heap keeps no more than after the last one */
    uint64_t insist_ns;
    uint64_t kept;        /* how much of `lost` the last trim left */
    uint64_t pieces_ns;   /* how long the last trim took beside giving pages back */
    uint64_t seen;        /* `lost` at the last look */
    bool grows;           /* `lost` has grown since then: memory is being freed */
    unsigned quiet_looks; /* looks in a row at which no core had work */
};

struct budget_question {
    unsigned reactor;
    struct memory_use use;
    uint64_t needed; /* by the store */
    /* the grant that the store wants in all; if smaller than its grant, it gives back the
     * difference and already keeps to `wanted` */
    uint64_t wanted;
    bool frees; /* the work will free memory in the end */
};

struct budget_answer {
    uint64_t granted;
    uint64_t turn; /* grows with every answer to this reactor */
    unsigned pressure;
    struct error error; /* set with -ENOMEM */
};

/* Answers a question. -ENOMEM: the grant is not raised. Does not wait. */
MUST_USE int budget_ask(struct budget *b, const struct budget_question *q, struct budget_answer *ret);
/* Checks that the stores together, by their last reports, have room for `bytes` more. -ENOMEM
 * with a sentence: they do not. Otherwise the bytes count until budget_forget_taken() was called
 * twice; by then the stores have reported them. */
MUST_USE int budget_take_room(struct budget *b, uint64_t bytes, struct error *error);
void budget_forget_taken(struct budget *b);
/* Notes the memory of the process, to find how much of it no part reports. */
void budget_see_process(struct budget *b, uint64_t anonymous_bytes);
/* Whether to ask the heap now to give back freed memory. A trim is one call that holds the
 * core, and other cores when they allocate. A call that may take more than 5 ms waits
 * until all cores are quiet or memory is scarce. Until then the heap's memory counts as
 * used; new data are put there. */
bool budget_trim_is_due(struct budget *b, uint64_t now_ns, bool quiet);
/* A trim was made, and budget_see_process() was called after it. */
void budget_trimmed(struct budget *b, uint64_t lost_before, uint64_t began_ns, uint64_t ended_ns);
/* Memory that is used now, with that of the heap. */
uint64_t budget_used(const struct budget *b);

/* -- every reactor -- */

struct budget_share {
    struct budget *budget;  /* the server's, which reactor 0 keeps; NULL on the others */
    uint64_t default_bytes; /* the bound where none is set */
    /* what the front holds on this reactor; NULL: nothing that counts */
    uint64_t (*front_bytes)(const struct core *c);
    bool running, stopping;
    unsigned pressure;
    uint64_t granted, turn; /* by the newest answer */
    struct event changed;
};

/* While there is a bound, reports to reactor 0 from time to time what is used here. Call it
 * again when the bound has changed. */
MUST_USE int budget_share_start(struct core *c);
void budget_share_stop(struct core *c); /* waits */
/* Much has changed: sends a report soon. */
void budget_share_report(struct core *c);
/* The hook through which the store asks for memory. Waits. */
MUST_USE int budget_share_ask(struct core *c, uint64_t wanted, bool frees, uint64_t *ret, struct error *error);

/* The memory that the server may use, by the settings; 0: no bound. */
uint64_t budget_bytes(const struct core *c);
/* Counts what this reactor uses, by kind. Does not wait. */
void budget_use_read(const struct core *c, struct memory_use *ret);
