/* peer.h -- an engine as the ann benchmark sees it: Kith itself and those it is measured against, behind one table of
 * functions, so that all of them are built, searched and timed by the same lines.
 *
 * One thread. Rows are numbered from 0 in the order given. Vectors are f32, dim of them to a row without padding, normalised
 * for cosine. Nothing is thrown: a C++ engine turns its exceptions into NULL and -1, and says why on stderr. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum peer_metric { PEER_L2 = 1, PEER_INNER_PRODUCT = 2, PEER_COSINE = 3 }; /* the numbers of index/metric.h */

struct peer_build {
    enum peer_metric metric;
    uint32_t dim, count;
    const float *vectors; /* count x dim; borrowed while building */
    uint32_t m, ef_construct;
    /* Called now and then with the rows done; never NULL. */
    void (*progress)(void *arg, uint32_t done);
    void *arg;
};

struct peer {
    const char *name;                           /* "kith", "hnswlib", "faiss" */
    const char *(*describe)(void);              /* version and instruction set; a static string */
    void *(*build)(const struct peer_build *b); /* NULL on failure */
    /* Writes up to k rows, nearest first as the engine sees it; returns how many, or -1. ef >= k. */
    int (*search)(void *index, const float *query, uint32_t k, uint32_t ef, uint32_t *ret_rows);
    uint64_t (*bytes)(const void *index); /* memory held for the index, its vectors included */
    void (*destroy)(void *index);
};

extern const struct peer peer_kith;
extern const struct peer peer_hnswlib; /* only where HAVE_HNSWLIB */
extern const struct peer peer_faiss;   /* only where HAVE_FAISS */

#ifdef __cplusplus
}
#endif
