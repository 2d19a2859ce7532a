/* vek_variants.h -- the variants, each in a library of its own that alone is compiled with its instructions. */
#pragma once

#include "vek.h"

extern const struct vek_kernels vek_scalar;
#if defined(__x86_64__)
extern const struct vek_kernels vek_avx2;
extern const struct vek_kernels vek_avx512;
#elif defined(__aarch64__)
extern const struct vek_kernels vek_neon;
#endif
