/* Kith's own index as a server has it after sealing: codes and links in memory, vectors in a mapped file. */
#include "peers/kith.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vek.h>

struct kith_index {
    struct sealed sealed;
    struct search_scratch *scratch[PEER_LANES_MAX]; /* made when first needed */
    uint32_t count;
    struct hit *hits[PEER_LANES_MAX];
    uint32_t hits_room[PEER_LANES_MAX];
};

static const char *describe(const void *index)
{
    static char text[64];
    snprintf(text, sizeof(text), "sealed segment; kernels: %s", vek.name);
    return text;
}

static const char *refuse(const struct peer_variant *v)
{
    if (v->code == PEER_CODE_RABITQ)
        return "so far a sealed index has codes that are not rotated";
    if (v->mapped && v->refine != PEER_REFINE_AUTO && v->refine != PEER_REFINE_F32)
        return "so far only f32 vectors are mapped";
    return NULL;
}

static unsigned refine_ks(const struct peer_variant *v, double ret[4])
{
    static const double coarse[] = {2, 3, 5, 8}, fine[] = {1.5, 3};
    const bool is_coarse = v->code == PEER_CODE_SQ4 || v->code == PEER_CODE_RABITQ;
    if (v->refine == PEER_REFINE_NONE || v->code == PEER_CODE_AUTO)
        return 0; /* the index decides */
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
    struct grown grown = {0};
    struct kith_index *x = calloc(1, sizeof(*x));
    bool grew = x && grown_init(b, &grown) == 0;
    if (!grew)
        fprintf(stderr, "kith: the index cannot be built: out of memory?\n");
    bool sealed = grew && sealed_init(&grown, b, &x->sealed) == 0;
    grown_fini(&grown);
    if (sealed) {
        x->count = b->count;
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
    struct search_params params = {.k = s->k, .ef = s->ef, .refine_k = (float)s->refine_k};
    struct hit *hits = x->hits[s->lane];
    int count =
        segment_index_search(x->sealed.index, &x->sealed.vectors, x->count, query, &params, x->scratch[s->lane], hits);
    for (int i = 0; i < count; i++)
        ret_rows[i] = hits[i].row;
    return count;
}

static struct peer_memory memory(const void *index)
{
    const struct kith_index *x = index;
    return (struct peer_memory){.held = segment_index_bytes(x->sealed.index), .mapped = x->sealed.vectors_bytes};
}

const struct peer peer_kith = {"kith", false, describe, refuse, refine_ks, build, search, memory, destroy};
