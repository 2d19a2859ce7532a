/* hnsw_select.c -- which candidates become neighbours.
 *
 * A candidate that is closer to an already kept neighbour than to the base is reached through that neighbour: it is left
 * out. What remains points in different directions, which is what makes a greedy walk arrive. The kept ones are folded
 * into weights once each; a candidate's code is then compared with eight of them a call, and most are refused by the first
 * eight. Lists are not filled up with what was refused: the free places are where later rows link back. */
#include "index/hnsw_builder.h"

#include "vek.h"

#define GROUP 8

/* A kept neighbour shadows a candidate only when it is closer to it by this factor, as squared distances: Vamana's alpha
 * (Subramanya et al., NeurIPS 2019). With it and up to 2m neighbours chosen on the lowest layer, SIFT needs a fifth less
 * time for recall .97 than with 1 and m, and word vectors a third. Inner products have no such scale. */
#define SLACK 1.12f

uint32_t hnsw_select(const struct hnsw *g, struct hnsw_worker *w, const struct codes *codes, struct hnsw_candidates c)
{
    const struct sq8 *s = &codes->sq8;
    const bool l2 = s->metric == METRIC_L2;
    struct sq8_query folded;
    const float slack = s->metric == METRIC_IP ? 1 : SLACK;
    const float offset = s->metric == METRIC_COSINE ? 1 : 0; /* 1 - cos is half the squared distance on the sphere */
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c.count && kept < c.max; i++) {
        const struct cand candidate = c.cand[i];
        uint32_t row = level_row(g, c.level, candidate.id);
        const void *code = codes_at(codes, row);
        union norm norm = codes_norm(codes, row);
        bool refused = false;
        for (uint32_t from = 0; from < kept && !refused; from += GROUP) {
            uint32_t n = kept - from < GROUP ? kept - from : GROUP;
            int32_t dots[GROUP];
            vek.dot_u8_s8_rows(code, w->kept_row + from, n, s->stride, dots);
            for (uint32_t j = 0; j < n; j++) {
                folded.bias = w->kept[from + j].bias;
                folded.norm = w->kept[from + j].norm;
                folded.scale = l2 ? -2 * s->unit : -s->unit;
                folded.whole = s->lossless;
                float between = sq8_distance(&folded, l2, s->lossless, dots[j], norm);
                refused |= slack * (offset + between) < offset + candidate.distance;
            }
        }
        if (refused)
            continue;
        sq8_query_of_code(&folded, s, code, norm, w->kept_weights + (size_t)kept * codes->stride);
        w->kept[kept] = (struct kept){folded.bias, folded.norm};
        c.cand[kept++] = candidate;
    }
    return kept;
}
