/* vek_variants.h -- the functions that fill the tables. A variant is filled by several functions in
 * turn, each of which overwrites entries that it makes faster. Each function has a file of its own,
 * which alone is compiled with its instructions. */
#pragma once

#include "vek.h"

void vek_scalar(struct vek_kernels *v); /* complete: the vek_scalar functions fill every entry */
void vek_scalar_codes(struct vek_kernels *v);
void vek_scalar_half(struct vek_kernels *v);
void vek_scalar_sets(struct vek_kernels *v);
void vek_scalar_rotate(struct vek_kernels *v);
void vek_scalar_nearest(struct vek_kernels *v);
void vek_scalar_lookup(struct vek_kernels *v);
#if defined(__x86_64__)
void vek_avx2(struct vek_kernels *v);
void vek_avx2_codes(struct vek_kernels *v);
void vek_avx2_half(struct vek_kernels *v);
void vek_avx2_sets(struct vek_kernels *v);
void vek_avx2_rotate(struct vek_kernels *v);
void vek_avx2_lookup(struct vek_kernels *v);
void vek_avx512(struct vek_kernels *v);
void vek_avx512_codes(struct vek_kernels *v);
void vek_avx512_half(struct vek_kernels *v);
void vek_avx512_rotate(struct vek_kernels *v);
void vek_avx512_nearest(struct vek_kernels *v);
void vek_avx512_lookup(struct vek_kernels *v);
void vek_avx512_bf16(struct vek_kernels *v);
void vek_avx512_popcnt(struct vek_kernels *v);
void vek_avx512_sets(struct vek_kernels *v);
#elif defined(__aarch64__)
void vek_neon(struct vek_kernels *v);
void vek_neon_codes(struct vek_kernels *v);
void vek_neon_dot(struct vek_kernels *v);
void vek_neon_i8mm(struct vek_kernels *v);
void vek_neon_half(struct vek_kernels *v);
void vek_neon_sets(struct vek_kernels *v);
void vek_neon_lookup(struct vek_kernels *v);
#endif
