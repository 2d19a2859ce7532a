/* budget.h -- memory is a budget: --memory is what this server uses at most,
 * whatever its clients do.
 *
 * Reactor 0 keeps the budget. A store may use what it was granted; a write, a build or a merge that
 * needs more waits for a message there and back, which is once in some megabytes. What searches,
 * connections and deletions need is never asked for: a part is kept for them, and what they use
 * beyond it is taken from the stores' part. When even freed memory does not come back from the
 * heap, that counts, too.
 *
 * How scarce memory is goes back with the answers: the stages of store_memory_grant(), entered in
 * their order and left together. */
#pragma once

#include "base/error.h"
#include "base/memory_use.h"
#include "reactor/fibers/sync.h"
#include "reactor/runtime.h"

struct core;

#define BUDGET_BYTES_MIN ((uint64_t)64 << 20)
#define BUDGET_STAGES    4
/* at least one part in so many is kept for searches, connections and deletions */
#define BUDGET_KEPT_SHARE 8
#define BUDGET_OF_REACTOR ((uint64_t)8 << 20) /* of the memory, at least */

/* The same for all who ask: shares of the whole for parts that keep to themselves. 0: no bound. */
uint64_t budget_of_indexes(uint64_t memory_bytes);
/* Vectors in a growing segment, on each reactor; asked: by the user, 0: not. */
uint64_t budget_of_growing(uint64_t memory_bytes, unsigned reactors, uint64_t asked);
/* What a start may take on one reactor for what is sealed: the rest is for the log, which is read
 * next, and for writers. 0: no bound. */
uint64_t budget_of_start(uint64_t memory_bytes, unsigned reactors);
/* What is granted to one reactor beyond what it asked for. */
uint64_t budget_ahead(uint64_t memory_bytes, unsigned reactors);
/* How many connections there may be, each of which has so many bytes. 0: no bound. */
uint64_t budget_of_connections(uint64_t memory_bytes, uint64_t bytes_each);
/* Large requests of one reactor that are in memory together. */
uint64_t budget_of_requests(uint64_t memory_bytes, unsigned reactors);
/* How many things of so many bytes each one reactor may have: a sixteenth of its part of the memory
 * has room for them. From least to most, and `most` when there is no bound. */
uint64_t budget_of_many(uint64_t memory_bytes, unsigned reactors, uint64_t bytes_each, uint64_t least, uint64_t most);
/* What is kept for the program, searches, connections and deletions. */
uint64_t budget_kept(uint64_t memory_bytes, unsigned reactors);

/* The least memory that so many reactors can keep to: each has fibers, buffers and a
 * growing segment of its own. */
uint64_t budget_least(unsigned reactors);
/* The most reactors that so much memory is enough for; at least 1. */
unsigned budget_reactors_most(uint64_t memory_bytes);
/* -EINVAL with a sentence that names the least memory and the most reactors: so many
 * reactors cannot keep to it. */
MUST_USE int budget_check(uint64_t memory_bytes, unsigned reactors, struct error *error);

/* -- reactor 0 -- */

struct budget {
    uint64_t bytes; /* 0: no bound */
    unsigned reactors;
    struct budget_part {
        struct memory_use use; /* as it was told last */
        uint64_t needed;       /* of its store, with what is still to come */
        uint64_t granted;
        uint64_t turns;
    } parts[REACTORS_MAX];
    /* the process has it, and no part knows of it: what the heap keeps, the program itself */
    uint64_t lost;
    unsigned stage;     /* 0 to 3 */
    uint64_t taken[2];  /* by budget_take_room(), since the last look and the one before */
    uint64_t looked_ns; /* when that was */
    uint64_t trim_ns;   /* when the heap may be asked next to give back, */
    /* and when, though there is no more than it did not give back last time */
    uint64_t insist_ns;
    uint64_t kept;        /* of `lost`, what it did not give back then, */
    uint64_t pieces_ns;   /* and how long that took beside what it gave back */
    uint64_t seen;        /* `lost` at the last look; */
    bool grows;           /* there is more than then: memory is being freed */
    unsigned quiet_looks; /* in a row, at which no core had work */
};

struct budget_question {
    unsigned reactor;
    struct memory_use use;
    uint64_t needed; /* of the store */
    /* by the store, in all; less than it was granted: it gives back, and keeps to this already */
    uint64_t wanted;
    bool frees; /* to have less in the end */
};

struct budget_answer {
    uint64_t granted;
    uint64_t turn; /* grows with every answer to this reactor */
    unsigned stage;
    struct error error; /* when -ENOMEM */
};

/* -ENOMEM: not so much; what is granted then is no more than before. Does not wait. */
MUST_USE int budget_ask(struct budget *b, const struct budget_question *q, struct budget_answer *ret);
/* -ENOMEM with the sentence: so much more would be too much for the stores together, as
 * they told last. Else it counts until budget_forget_taken() was called twice: the stores
 * have told of it by then. */
MUST_USE int budget_take_room(struct budget *b, uint64_t bytes, struct error *error);
void budget_forget_taken(struct budget *b);
/* What the process has beyond what the parts know of. */
void budget_see_process(struct budget *b, uint64_t anonymous_bytes);
/* Shall the heap be asked now to give back what was freed? That is one call, which holds the core,
 * and other cores when they allocate. A call that may take more than 5 ms waits until all cores are
 * quiet or memory is scarce. What the heap keeps counts as used until then, and new data gets
 * it. */
bool budget_trim_is_due(struct budget *b, uint64_t now_ns, bool quiet);
/* It was, and budget_see_process() told what is left. */
void budget_trimmed(struct budget *b, uint64_t lost_before, uint64_t began_ns, uint64_t ended_ns);
/* What is used of the budget now, with what is lost. */
uint64_t budget_used(const struct budget *b);

/* -- every reactor -- */

struct budget_share {
    bool running, stopping;
    unsigned stage;
    uint64_t granted, turn; /* by the newest answer */
    struct event changed;
};

/* Tells reactor 0 from time to time what is used here, while there is a bound. Called
 * again when that changed. */
MUST_USE int budget_share_start(struct core *c);
void budget_share_stop(struct core *c); /* waits */
/* What is used has changed much: it is told soon. */
void budget_share_report(struct core *c);
/* The store's hook. Waits. */
MUST_USE int budget_share_ask(struct core *c, uint64_t wanted, bool frees, uint64_t *ret, struct error *error);

/* What the server keeps to, as it is set now; 0: no bound. */
uint64_t budget_bytes(const struct core *c);
/* What this reactor uses, by kind, counted where it lies. Does not wait. */
void budget_use_read(const struct core *c, struct memory_use *ret);
