/* memory_use.h -- what memory is used for. Whoever holds memory adds its bytes under its kind;
 * nobody keeps a running count, so the sum is what is there and not what was once noted. Plain
 * numbers: they may be added up over reactors. */
#pragma once

#include <stdint.h>

enum memory_kind {
    /* growing and frozen segments: ids, versions, vectors, payloads, which rows
     * are alive, tombstones */
    MEMORY_ROWS,
    MEMORY_LINKS,    /* graphs */
    MEMORY_CODES,    /* codes that searches walk on */
    MEMORY_REFINE,   /* f16 and bf16 rows that the best are scored again by */
    MEMORY_IDS,      /* where is id X? */
    MEMORY_BUILDS,   /* what building and merging work in */
    MEMORY_SEARCHES, /* what searches work in, pooled */
    MEMORY_REQUESTS, /* connections, their requests and answers */
    MEMORY_LOG,      /* written to the log soon */
    MEMORY_FIBERS,   /* stacks, as far as they are in memory */
    MEMORY_KINDS
};

struct memory_use {
    uint64_t bytes[MEMORY_KINDS];
    uint64_t
        /* files in the address space: the kernel drops their pages when it needs room, so
         * they are not in the sum */
        mapped;
};

/* "rows", "links" and so on: for metrics and sentences. */
const char *memory_kind_name(enum memory_kind kind);
void memory_use_add(struct memory_use *to, const struct memory_use *more);
uint64_t memory_use_sum(const struct memory_use *u);
