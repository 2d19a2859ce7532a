/* load.h -- a client that writes, deletes and searches with several requests under way, and keeps
 * the model up to date. */
#pragma once

#include "model.h"

#define LOAD_BATCH_MAX   400 /* points in a batch of an import */
#define LOAD_IN_FLIGHT   12
#define LOAD_REFUSED_MAX 60

enum operation_kind {
    OPERATION_NONE,
    OPERATION_UPSERT,
    OPERATION_DELETE,
    OPERATION_SEARCH,
    OPERATION_SEAL,
    OPERATION_COMPACT
};

struct operation {
    enum operation_kind kind;
    int64_t request;
    uint32_t version;
    uint32_t count;
    uint32_t ids[LOAD_BATCH_MAX];
};

static inline bool operation_writes(const struct operation *op)
{
    return op->kind == OPERATION_UPSERT || op->kind == OPERATION_DELETE;
}

struct load_counts {
    uint64_t upserts, deletes, searches, seals, compactions; /* acknowledged requests */
    /* points in upserts and deletes, and refused requests */
    uint64_t points, refusals;
};

struct load {
    struct kith *k; /* borrowed; set anew after each start of the server */
    const char *collection;
    struct model *model;
    /* While a snapshot is being made: what it may hold. Ids that were written since its begin are
     * not written again. NULL: no snapshot is under way. */
    struct model *snapshot;
    uint32_t version_next;
    bool no_upserts, no_deletes, no_searches; /* kinds of requests that are not started */
    bool maintains;                           /* now and then requests a seal or a compaction */
    /* refused writes are kept to be tried again; if false, a refusal is a failure */
    bool refusals_allowed;
    struct operation operations[LOAD_IN_FLIGHT];
    struct operation
        /* no other request names their ids; if the array is full, no write is started */
        refused[LOAD_REFUSED_MAX];
    uint32_t refused_count;
    int refused_code; /* the code of the newest refusal; its sentence follows */
    char refused_text[512];
    struct load_counts counts;
};

/* Keeps requests under way until the time is up, and leaves them under way. 0, or failed(). */
int load_run(struct load *l, uint64_t duration_us);
/* Starts no more requests and receives the answers of those under way. 0, or failed(). */
int load_finish(struct load *l);
/* Sends the refused writes once more, and waits for the answers. 0: all were acknowledged; 1: some
 * were refused again; or failed(). */
int load_retry(struct load *l);
/* Refused writes are not tried again; their outcome stays open. */
void load_forget_refused(struct load *l);
/* Call it after the server has ended. Receives the answers that still arrive and forgets the other
 * requests, whose outcome stays open. 0, or failed(). */
int load_drop(struct load *l);
