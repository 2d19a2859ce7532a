/* peer.h -- an engine as the ann benchmark sees it: Kith itself and those it is measured
 * against, behind one table of functions, so that all of them are built, searched and
 * timed by the same lines.
 *
 * Rows are numbered from 0 in the order given. Vectors are f32, dim of them to a row without
 * padding, normalised for cosine. Nothing is thrown: a C++ engine turns its exceptions into NULL
 * and -1, and says why on stderr. */
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

/* What stands behind the colon in a name like kith:sq4+f16+packed. 0: not
 * given, the engine decides. */
struct peer_variant {
    enum peer_code code;
    uint32_t code_bits; /* of RaBitQ: 1..8 */
    enum peer_refine refine;
    enum peer_links links;
    bool mapped;              /* what refines lies in a file and is mapped */
    bool whole;               /* walks expand all ef candidates */
    uint32_t m, ef_construct; /* 0: those of all engines */
};

/* What a clock around build() does not show. */
struct peer_times {
    /* spent by an earlier call, for a variant that shares with this one */
    uint64_t cpu_ns, wall_ns;
    /* CPU time that a core for each thread would spare, where the engine can tell */
    uint64_t spared_ns;
};

struct peer_build {
    enum peer_metric metric;
    uint32_t dim, count;
    const float *vectors;              /* count x dim; borrowed while building */
    uint32_t m, ef_construct, threads; /* 0, of an engine that has links(): it chooses */
    struct peer_variant variant;
    struct peer_times *ret_times; /* all 0 before */
    /* Called now and then, by the thread that called build(), with the rows done; never NULL. */
    void (*progress)(void *arg, uint32_t done);
    void *arg;
};

#define PEER_LANES_MAX 16

struct peer_search {
    uint32_t k, ef;  /* ef >= k */
    double refine_k; /* candidates scored again, as a multiple of k; 0: the engine's own */
    /* searches of different lanes may be under way at once; below PEER_LANES_MAX */
    uint32_t lane;
    /* Called while memory is waited for, where the engine knows when that is; NULL: there
     * is nothing else to do. */
    void (*overlap)(void *arg);
    void *arg;
};

struct peer_memory {
    uint64_t held;   /* that nothing but the index's end gives back */
    uint64_t mapped; /* of files: in memory while there is room */
};

struct peer {
    const char *name; /* "kith", "hnswlib", "faiss" */
    bool overlaps;    /* it calls overlap() */
    /* Version, instruction set and what it chose; good until the next call. */
    const char *(*describe)(const void *index);
    /* Why there is no such variant, as a literal; NULL: there is. */
    const char *(*refuse)(const struct peer_variant *v);
    /* The multiples of k worth scoring again, rising; returns how many. 0: nothing is scored
     * again. */
    unsigned (*refine_ks)(const void *index, double ret[4]);
    void *(*build)(const struct peer_build *b); /* NULL on failure */
    /* Writes up to k rows, nearest first as the engine sees it; returns how many, or -1. */
    int (*search)(void *index, const float *query, const struct peer_search *s, uint32_t *ret_rows);
    struct peer_memory (*memory)(const void *index); /* the vectors included */
    void (*destroy)(void *index);
    void (*forget)(void); /* frees what build() kept for the next variant */
    /* To a file, and back by a build of the same data and options: load() returns NULL where there
     * is none. Both NULL: the engine is built each time. */
    int (*save)(const void *index, const char *path);
    void *(*load)(const char *path, const struct peer_build *b);
    /* The links and candidates it was built with; NULL: those it was told, which it
     * does not choose itself. */
    void (*links)(const void *index, uint32_t *ret_m, uint32_t *ret_ef_construct);
};

extern const struct peer peer_kith;
extern const struct peer peer_hnswlib; /* only where HAVE_HNSWLIB */
extern const struct peer peer_faiss;   /* only where HAVE_FAISS */

#ifdef __cplusplus
}
#endif
