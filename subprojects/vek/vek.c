/* vek.c -- chooses the variant once, by the features of the CPU.
 *
 * A constructor makes the choice. So no function can be called before it, and it needs no lock.
 * Every variant starts as a copy of the one before it. */
#include "vek.h"
#include "vek_variants.h"
#include <stdbool.h>
#include <string.h>
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#define VARIANTS_MAX 8

struct vek_kernels vek;

static struct vek_kernels tables[VARIANTS_MAX];
static const struct vek_kernels *variants[VARIANTS_MAX + 1];

#if defined(__x86_64__)
static bool cpu_avx2(void)
{
    /* AVX2 implies F16C in practice, and not every compiler can test for F16C */
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("popcnt");
}

static bool cpu_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vnni");
}
#endif

static struct vek_kernels *next_variant(unsigned *n)
{
    struct vek_kernels *v = &tables[*n];
    if (*n > 0)
        *v = tables[*n - 1];
    variants[(*n)++] = v;
    return v;
}

__attribute__((constructor)) static void choose(void)
{
    unsigned n = 0;
    struct vek_kernels *v = next_variant(&n);
    vek_scalar(v);
    vek_scalar_codes(v);
    vek_scalar_half(v);
    vek_scalar_sets(v);
    vek_scalar_rotate(v);
    vek_scalar_nearest(v);
    vek_scalar_lookup(v);
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (cpu_avx2()) {
        v = next_variant(&n);
        vek_avx2(v);
        vek_avx2_codes(v);
        vek_avx2_half(v);
        vek_avx2_sets(v);
        vek_avx2_rotate(v);
        vek_avx2_lookup(v);
    }
    if (cpu_avx2() && cpu_avx512()) {
        v = next_variant(&n);
        vek_avx512(v);
        vek_avx512_codes(v);
        vek_avx512_half(v);
        vek_avx512_rotate(v);
        vek_avx512_nearest(v);
        vek_avx512_lookup(v);
        const bool bf16 = __builtin_cpu_supports("avx512bf16"), popcnt = __builtin_cpu_supports("avx512vpopcntdq");
        const bool vbmi = __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2");
        if (bf16 || popcnt || vbmi) {
            v = next_variant(&n);
            v->name = "avx512x";
        }
        if (bf16)
            vek_avx512_bf16(v);
        if (popcnt)
            vek_avx512_popcnt(v);
        if (vbmi)
            vek_avx512_sets(v);
    }
#elif defined(__aarch64__)
    v = next_variant(&n); /* every AArch64 CPU has it */
    vek_neon(v);
    vek_neon_codes(v);
    vek_neon_half(v);
    vek_neon_sets(v);
    vek_neon_lookup(v);
    if (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) {
        v = next_variant(&n);
        v->name = "neon-dot";
        vek_neon_dot(v);
    }
    if (getauxval(AT_HWCAP2) & HWCAP2_I8MM) {
        v = next_variant(&n);
        v->name = "neon-i8mm";
        vek_neon_i8mm(v);
    }
#endif
    vek = *v;
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
