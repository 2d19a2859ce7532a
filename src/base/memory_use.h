/* memory_use.h -- bytes of memory by purpose. When asked, each owner of memory adds its bytes to
 * the kind they belong to. There is no running count that could be wrong. The figures of several
 * reactors may be added. */
#pragma once

#include <stdint.h>

enum memory_kind {
    /* growing and frozen segments: ids, versions, vectors, payloads, alive bits, tombstones */
    MEMORY_ROWS,
    MEMORY_LINKS,    /* graphs */
    MEMORY_CODES,    /* codes that searches score */
    MEMORY_REFINE,   /* f16 and bf16 rows by which the best candidates are scored again */
    MEMORY_IDS,      /* id maps */
    MEMORY_BUILDS,   /* working memory of builds and merges */
    MEMORY_SEARCHES, /* pooled working memory of searches */
    MEMORY_REQUESTS, /* connections, their requests and answers */
    MEMORY_LOG,      /* bytes that the log will write soon */
    MEMORY_FIBERS,   /* stacks, as far as they are in memory */
    MEMORY_KINDS
};

struct memory_use {
    uint64_t bytes[MEMORY_KINDS];
    /* mapped files. Not part of the sum, because the kernel drops their pages when it needs
     * memory. */
    uint64_t mapped;
};

/* "rows", "links" and so on, for metrics and sentences. */
const char *memory_kind_name(enum memory_kind kind);
void memory_use_add(struct memory_use *to, const struct memory_use *more);
uint64_t memory_use_sum(const struct memory_use *u);
