/* vek.c -- which variant runs: decided once, by what the CPU says of itself.
 *
 * A constructor makes the choice, so that there is no moment at which a library function could be called too early and
 * no lock in which it could be made twice. */
#include "vek.h"
#include "vek_variants.h"
#include <string.h>

struct vek_kernels vek;

static const struct vek_kernels *variants[4];

__attribute__((constructor)) static void choose(void)
{
    unsigned n = 0;
    variants[n++] = &vek_scalar;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("popcnt"))
        variants[n++] = &vek_avx2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("popcnt"))
        variants[n++] = &vek_avx512;
#elif defined(__aarch64__)
    variants[n++] = &vek_neon; /* every AArch64 CPU has it */
#endif
    vek = *variants[n - 1];
}

const struct vek_kernels *const *vek_variants(void)
{
    return variants;
}

int vek_use(const char *name)
{
    for (unsigned i = 0; variants[i]; i++) {
        if (strcmp(variants[i]->name, name) == 0) {
            vek = *variants[i];
            return 0;
        }
    }
    return -1;
}
