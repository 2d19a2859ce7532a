/* sealed_format.h -- a sealed index as regions of bytes, as far as every kind has them; for
 * regions.c and open.c. Little-endian. What a kind adds is in its folder.
 *
 *   header        struct sealed_header
 *   quantiser     f32: what training found for the codes, then for the refine rows (codes.h)
 *   codes         u8 [count][stride]
 *   norms         what lies beside the codes, [count][norm_bytes]; empty when that is nothing
 *   refine        f16 or bf16 [count][stride]; empty when the vectors score again, or nothing
 *   outliers      u32 [outliers], ascending: rows that the codes do not describe, scored by their
 *                 vectors
 *   recall        struct recall_curve: measured when it was made; may be missing
 *   copies        u32 [count]: `next` of copies.h; not there when no row is a copy, or absent
 *
 * A kind without INDEX_CODES has the header alone. */
#pragma once

#include "index/recall/recall_curve.h"
#include <assert.h>

#define SEALED_VERSION 5

struct sealed_header {
    uint32_t version;
    uint16_t kind, kind_version; /* who reads what lies beside it (kind.h) */
    uint32_t metric, dim, count;
    uint32_t code, code_bits; /* enum code_kind; 0 without INDEX_CODES, as the rest is */
    uint32_t trained_rows, clipped;
    uint32_t outliers; /* rows in that region */
    uint32_t refine;   /* enum refine_kind */
    float refine_k;
    /* of the codes, as measured when they were chosen (codes_check.h); 0: not measured */
    float codes_recall;
    uint32_t reserved[19]; /* zero */
};
static_assert(sizeof(struct sealed_header) == 128, "on disk");
