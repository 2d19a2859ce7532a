/* load.h -- a client that writes, deletes and searches with several requests under way, and keeps
 * the model up to date. */
#pragma once

#include "model.h"

#define LOAD_BATCH_MAX   400 /* points of an import's batch */
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
    /* points in upserts and deletes; requests refused */
    uint64_t points, refusals;
};

struct load {
    struct kith *k; /* borrowed; set anew after each start of the server */
    const char *collection;
    struct model *model;
    /* While a snapshot is being taken: what it may hold. Ids that were written since it began are
     * left alone. NULL: none. */
    struct model *snapshot;
    uint32_t version_next;
    bool no_upserts, no_deletes, no_searches; /* kinds not to be started */
    bool maintains;                           /* now and then a seal or a compaction by request */
    /* refused writes are kept; otherwise a refusal is a failure */
    bool refusals_allowed;
    struct operation operations[LOAD_IN_FLIGHT];
    struct operation
        /* to be tried again; nothing else is done with their ids. Full: no more writes */
        refused[LOAD_REFUSED_MAX];
    uint32_t refused_count;
    int refused_code; /* of the newest refusal, and its sentence */
    char refused_text[512];
    struct load_counts counts;
};

/* Keeps requests under way until the time is up; leaves them under way. 0, or failed(). */
int load_run(struct load *l, uint64_t duration_us);
/* Starts nothing more and takes the answers of what is under way. 0, or failed(). */
int load_finish(struct load *l);
/* Sends once more what was refused, and waits for the answers. 0: all acknowledged; 1: some
 * refused again; or failed(). */
int load_retry(struct load *l);
/* What was refused is not tried again; its outcome stays open. */
void load_forget_refused(struct load *l);
/* The server is dead: takes the answers that still arrive and forgets the rest; what they would
 * have changed stays open. 0, or failed(). */
int load_drop(struct load *l);
