/* sealed_format.h -- a sealed index as regions of bytes; for regions.c and open.c. Little-endian.
 *
 *   header        struct sealed_header
 *   quantiser     f32: what training found for the codes, then for the refine rows (codes.h)
 *   codes         u8 [count][stride]
 *   norms         what lies beside the codes, [count][norm_bytes]; empty when that is nothing
 *   refine        f16 or bf16 [count][stride]; empty when the vectors score again, or nothing
 *   outliers      u32 [outliers], ascending: rows that the codes do not describe, scored by their vectors
 *   links         u32 [count][2m], or packed: links_packed.h
 *   nodes         struct hnsw_node [nodes]
 *   upper         u32 [lists][m]
 *   recall        struct recall_curve: measured when it was made; may be missing
 *   strays        u32 [..]: rows that every walk goes on from at its end, at most 512; may be missing
 *   copies        u32 [count]: `next` of copies.h; not there when no row is a copy, or absent */
#pragma once

#include "index/hnsw/hnsw.h"
#include "index/recall/recall_curve.h"
#include <assert.h>

#define SEALED_VERSION 4

struct sealed_header {
    uint32_t version, metric, dim, count;
    uint32_t m, ef_construct, nodes, lists;
    uint32_t entry, trained_rows, clipped, code; /* enum code_kind */
    uint32_t code_bits, refine, links;           /* enum refine_kind, links_kind */
    float refine_k;
    uint64_t seed;
    uint32_t outliers;  /* rows in that region */
    float codes_recall; /* of the codes, as measured when they were chosen (codes_check.h); 0: not measured */
    uint64_t reserved[6];
};
static_assert(sizeof(struct sealed_header) == 128, "on disk");
static_assert(sizeof(struct hnsw_node) == 16, "on disk");
