/* hnsw_index.h -- the state of the index kind HNSW (kind.h); for the files of this
 * folder and for tests. */
#pragma once

#include "index/hnsw/hnsw.h"
#include "index/kind.h"
#include "index/segment_index.h"

extern const struct index_kind index_hnsw;

struct hnsw_index {
    struct index base;
    struct hnsw graph;
    struct hnsw_builder *builder; /* NULL until the first insertion */
    /* the links of a finished index, if packed; shape.max 0: not packed */
    struct links_packed packed;
    float intrinsic_dimension; /* of the rows when the first were linked; 0: not measured */
    void *header;              /* memory of save(), which lends it */
};

static inline struct hnsw_index *hnsw_index_of(struct index *x)
{
    return (struct hnsw_index *)x;
}

static inline const struct hnsw_index *hnsw_index_const(const struct index *x)
{
    return (const struct hnsw_index *)x;
}

/* The functions of the table, by file. */
int hnsw_index_create(const struct index_host *host, struct index **ret); /* hnsw_kind.c */
void hnsw_index_destroy(struct index *base);

/* hnsw_options.c */
int hnsw_options_check(const struct index_options *o, uint32_t dim, struct error *error);
void hnsw_options_resolve(struct index_options *o, uint32_t rows);
void hnsw_options_most(struct index_options *o, uint32_t dim);
void hnsw_options_say(const struct index_options *o, const struct index *base, uint32_t rows, struct index_why *why);
uint32_t hnsw_options_row_bytes(const struct index_options *o);
/* Before the first row is linked: chooses the open ones of m and ef_construct, by the intrinsic
 * dimension of `looked_at` rows (intrinsic_dimension.h; 0: unknown). */
void hnsw_options_fit(struct index_options *o, float intrinsic_dimension, uint32_t looked_at, uint32_t dim);

/* hnsw_memory.c */
uint64_t hnsw_index_memory(const struct index_host *host, uint32_t rows, unsigned shares);

int hnsw_index_build(struct index *base, const struct index_job *job); /* hnsw_advance.c */
void hnsw_index_codes_changed(struct index *base);
int hnsw_index_finish(struct index *base, const struct index_job *job);
int hnsw_index_reach(struct index *base, const struct index_job *job, const struct codes *codes,
                     struct index_reach **ret);

/* hnsw_filter.c */
uint32_t hnsw_index_effort(const struct index *base, const struct index_query *q);
int hnsw_index_search(const struct index *base, struct index_query *q);

/* hnsw_save.c */
int hnsw_index_join(struct index *base, const struct index_options *made, const struct pause *pause);
int hnsw_index_save(struct index *base, struct index_regions *ret);
int hnsw_index_open(const struct index_host *host, struct index_opening *o, struct index **ret);
