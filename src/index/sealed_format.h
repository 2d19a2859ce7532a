/* sealed_format.h -- the regions of a sealed index that every kind has; for regions.c and
 * open.c. Little-endian. The folder of a kind describes the regions that it adds.
 *
 *   header     struct sealed_header
 *   quantiser  f32: the parameters of the codes, then those of the refine rows (codes.h)
 *   codes      u8 [count][stride]
 *   norms      [count][norm_bytes]: a norm for each code; empty when norm_bytes is 0
 *   refine     f16 or bf16 [count][stride]; empty when vectors score again, or nothing does
 *   outliers   u32 [outliers], ascending: rows that are scored by their vectors
 *   recall     struct recall_curve; missing when it was not measured
 *   copies     u32 [count]: `next` of copies.h; missing when no row is a copy or absent
 *
 * A kind without INDEX_CODES has only the header. */
#pragma once

#include "index/recall/recall_curve.h"
#include <assert.h>

#define SEALED_VERSION 5

struct sealed_header {
    uint32_t version;
    /* the index kind that reads the other regions (kind.h), and its format */
    uint16_t kind, kind_version;
    uint32_t metric, dim, count;
    /* enum code_kind; without INDEX_CODES it is 0, and so are all members below */
    uint32_t code, code_bits;
    uint32_t trained_rows, clipped;
    uint32_t outliers; /* number of rows in that region */
    uint32_t refine;   /* enum refine_kind */
    float refine_k;
    /* recall of the codes when they were chosen (codes_check.h); 0: not measured */
    float codes_recall;
    uint32_t reserved[19]; /* zero */
};
static_assert(sizeof(struct sealed_header) == 128, "on disk");
