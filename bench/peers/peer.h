/* peer.h -- an engine of the ann benchmark: Kith and the engines that it is compared with, behind
 * one table of functions. So all of them are built, searched and timed by the same code.
 *
 * Rows are numbered from 0 in the given order. Vectors are f32, dim to a row without padding,
 * normalised for cosine. A C++ engine turns exceptions into NULL or -1, and prints the reason. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* the numbers of vectors/metric.h */
enum peer_metric { PEER_L2 = 1, PEER_INNER_PRODUCT = 2, PEER_COSINE = 3 };
enum peer_code {
    PEER_CODE_AUTO,
    PEER_CODE_F32,
    PEER_CODE_F16,
    PEER_CODE_BF16,
    PEER_CODE_SQ8,
    PEER_CODE_SQ4,
    PEER_CODE_RABITQ
};
enum peer_refine { PEER_REFINE_AUTO, PEER_REFINE_NONE, PEER_REFINE_F32, PEER_REFINE_F16, PEER_REFINE_BF16 };
enum peer_links { PEER_LINKS_AUTO, PEER_LINKS_PLAIN, PEER_LINKS_PACKED };

/* The options behind the colon in a name like kith:sq4+f16+packed. 0: not given, the engine
 * chooses. */
struct peer_variant {
    enum peer_code code;
    uint32_t code_bits; /* of RaBitQ: 1..8 */
    enum peer_refine refine;
    enum peer_links links;
    bool mapped;              /* refine rows lie in a mapped file */
    bool whole;               /* walks expand all ef candidates */
    uint32_t m, ef_construct; /* 0: as for all engines */
};

/* Times that a clock around build() does not show. */
struct peer_times {
    /* spent by an earlier call on parts that this variant shares */
    uint64_t cpu_ns, wall_ns;
    /* CPU time saved when each thread has a core, if the engine knows */
    uint64_t spared_ns;
};

struct peer_build {
    enum peer_metric metric;
    uint32_t dim, count;
    const float *vectors;              /* count x dim; borrowed while building */
    uint32_t m, ef_construct, threads; /* 0, for an engine with links(): it chooses */
    struct peer_variant variant;
    struct peer_times *ret_times; /* all 0 before */
    /* Called now and then by the thread that called build(), with the number of rows done; never
     * NULL. */
    void (*progress)(void *arg, uint32_t done);
    void *arg;
};

#define PEER_LANES_MAX 16

struct peer_search {
    uint32_t k, ef;  /* ef >= k */
    double refine_k; /* candidates to score again, as a multiple of k; 0: the engine's default */
    /* searches of different lanes may run interleaved; below PEER_LANES_MAX */
    uint32_t lane;
    /* Called while the engine waits for memory, if it knows; NULL: no other work. */
    void (*overlap)(void *arg);
    void *arg;
};

struct peer_memory {
    uint64_t held;   /* memory until the index is destroyed */
    uint64_t mapped; /* of files: in memory while there is room */
};

struct peer {
    const char *name; /* "kith", "hnswlib", "faiss" */
    bool overlaps;    /* it calls overlap() */
    /* Version, instruction set and chosen options; valid until the next call. */
    const char *(*describe)(const void *index);
    /* The reason why this variant is impossible, as a literal; NULL: it is possible. */
    const char *(*refuse)(const struct peer_variant *v);
    /* The multiples of k worth trying, ascending; returns their number. 0: nothing is scored
     * again. */
    unsigned (*refine_ks)(const void *index, double ret[4]);
    void *(*build)(const struct peer_build *b); /* NULL on failure */
    /* Writes up to k rows in the engine's order, nearest first; returns their number, or -1. */
    int (*search)(void *index, const float *query, const struct peer_search *s, uint32_t *ret_rows);
    struct peer_memory (*memory)(const void *index); /* including the vectors */
    void (*destroy)(void *index);
    void (*forget)(void); /* frees what build() kept for the next variant */
    /* Save to a file, and load for a build of the same data and options; load() returns NULL
     * without a file. Both NULL: the engine is built each time. */
    int (*save)(const void *index, const char *path);
    void *(*load)(const char *path, const struct peer_build *b);
    /* The m and ef_construct that it was built with; NULL: those that were given, because it does
     * not choose. */
    void (*links)(const void *index, uint32_t *ret_m, uint32_t *ret_ef_construct);
};

extern const struct peer peer_kith;
extern const struct peer peer_hnswlib; /* only with HAVE_HNSWLIB */
extern const struct peer peer_faiss;   /* only with HAVE_FAISS */

#ifdef __cplusplus
}
#endif
