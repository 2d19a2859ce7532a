/* kith.c -- Kith's own index as a server has it after sealing: codes and links in memory, vectors
 * in a mapped file. */
#include "peers/kith.h"

#include "index/autoindex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vek.h>

struct kith_index {
    struct sealed sealed;
    struct search_scratch *scratch[PEER_LANES_MAX]; /* made on first use */
    uint32_t count;
    bool whole;
    struct hit *hits[PEER_LANES_MAX];
    uint32_t hits_room[PEER_LANES_MAX];
};

/* Includes the choices of AUTOINDEX. */
static const char *describe(const void *index)
{
    static char text[128];
    const struct kith_index *x = index;
    const struct index_options *o = segment_index_options(x->sealed.index);
    snprintf(text, sizeof(text), "sealed: %s codes, refined by %s, %s links; kernels: %s", index_code_name(o),
             refine_name(o->refine), index_links_name(o->links), vek.name);
    return text;
}

static const char *refuse(const struct peer_variant *v)
{
    if (v->mapped && v->refine != PEER_REFINE_AUTO && v->refine != PEER_REFINE_F32)
        return "so far only f32 vectors are mapped";
    return NULL;
}

/* Multiples of k to try; finer codes need smaller ones. */
static unsigned refine_ks(const void *index, double ret[4])
{
    static const double coarse[] = {1.5, 3, 6}, fine[] = {1.2, 2.5};
    const struct kith_index *x = index;
    const struct index_options *o = segment_index_options(x->sealed.index);
    bool is_coarse = code_value_bits(index_code_type(o)) <= 4;
    if (o->refine == REFINE_NONE || code_ops_of(o->code)->features & CODE_VALUES)
        return 0;
    memcpy(ret, is_coarse ? coarse : fine, is_coarse ? sizeof(coarse) : sizeof(fine));
    return is_coarse ? ARRAY_LEN(coarse) : ARRAY_LEN(fine);
}

static void destroy(void *index)
{
    struct kith_index *x = index;
    sealed_fini(&x->sealed);
    for (unsigned i = 0; i < PEER_LANES_MAX; i++)
        if (x->scratch[i])
            search_scratch_destroy(x->scratch[i]);
    for (unsigned i = 0; i < PEER_LANES_MAX; i++)
        free(x->hits[i]);
    free(x);
}

static void *build(const struct peer_build *b)
{
    struct kith_index *x = calloc(1, sizeof(*x));
    const struct grown *grown = x ? kith_grow(b) : NULL;
    if (!grown)
        fprintf(stderr, "kith: the index cannot be built: out of memory, or options that do not go together\n");
    if (grown && sealed_init(grown, b, &x->sealed) == 0) {
        x->count = b->count;
        x->whole = b->variant.whole;
        return x;
    }
    if (x)
        destroy(x);
    return NULL;
}

static bool room_make(struct kith_index *x, const struct peer_search *s)
{
    if (!x->scratch[s->lane])
        x->scratch[s->lane] = search_scratch_create();
    if (x->hits_room[s->lane] < s->k) {
        free(x->hits[s->lane]);
        x->hits[s->lane] = calloc(s->k, sizeof(struct hit));
        x->hits_room[s->lane] = x->hits[s->lane] ? s->k : 0;
    }
    return x->scratch[s->lane] && x->hits[s->lane];
}

static int search(void *index, const float *query, const struct peer_search *s, uint32_t *ret_rows)
{
    struct kith_index *x = index;
    if (!room_make(x, s))
        return -1;
    struct search_params params = {.k = s->k,
                                   .ef = s->ef,
                                   .ends_early = !x->whole,
                                   .refine_k = (float)s->refine_k,
                                   .overlap = s->overlap,
                                   .overlap_arg = s->arg};
    struct hit *hits = x->hits[s->lane];
    int count =
        segment_index_search(x->sealed.index, &x->sealed.vectors, x->count, query, &params, x->scratch[s->lane], hits);
    for (int i = 0; i < count; i++)
        ret_rows[i] = hits[i].row;
    return count;
}

/* Vectors that are not used for scoring stay on the disk and are not read by searches. */
static struct peer_memory memory(const void *index)
{
    const struct kith_index *x = index;
    bool refined = segment_index_options(x->sealed.index)->refine == REFINE_F32;
    return (struct peer_memory){.held = segment_index_bytes(x->sealed.index),
                                .mapped = refined ? x->sealed.vectors_bytes : 0};
}

static void links(const void *index, uint32_t *ret_m, uint32_t *ret_ef_construct)
{
    const struct kith_index *x = index;
    const struct index_options *o = segment_index_options(x->sealed.index);
    *ret_m = o->m;
    *ret_ef_construct = o->ef_construct;
}

const struct peer peer_kith = {"kith", true,    describe,    refuse, refine_ks, build, search,
                               memory, destroy, kith_forget, NULL,   NULL,      links};
