/* check_kernels.c -- compares every variant that this CPU can run with the scalar one: lengths with
 * all tails, unaligned pointers, zeros, ordinary and huge values. Bytes must be equal; float sums
 * may differ by twice the bound in vek.h.
 *
 *   check_kernels                      prints TAP, one line for each variant and kernel
 *   check_kernels --bench [VARIANT]    prints nanoseconds a row, of all or of one variant */
#include "check.h"
#include <stdio.h>
#include <string.h>

static bool check_lengths(check_fn check, const struct vek_kernels *v, const struct vek_kernels *s)
{
    static const size_t big[] = {255, 256, 257, 384, 768, 784, 1000, 1536, 4095, 4096, N_MAX};
    for (enum fill fill = 0; fill < FILLS; fill++) {
        for (size_t n = 0; n <= 200; n++)
            if (!check(v, s, n, fill))
                return printf("# fails at n %zu, fill %d\n", n, (int)fill), false;
        for (size_t i = 0; i < sizeof(big) / sizeof(big[0]); i++)
            if (!check(v, s, big[i], fill))
                return printf("# fails at n %zu, fill %d\n", big[i], (int)fill), false;
    }
    return true;
}

static bool check_use(const struct vek_kernels *v)
{
    return vek_use(v->name) == 0 && vek.ip_f32 == v->ip_f32 && vek.fold_u8 == v->fold_u8 &&
           vek_use("no such variant") == -1 && vek.ip_f32 == v->ip_f32;
}

int main(int argc, char **argv)
{
    const struct vek_kernels *const *all = vek_variants();
    if (argc > 1 && strcmp(argv[1], "--bench") == 0)
        return bench(argc > 2 ? argv[2] : NULL);
    unsigned tests = 0, failed = 0;
    for (size_t i = 0; all[i]; i++) {
        const struct vek_kernels *v = all[i];
        const struct {
            const char *name;
            check_fn fn;
        } checks[] = {{"float distances", check_f32},
                      {"16-bit float distances", check_half_rows},
                      {"16-bit floats", check_half_values},
                      {"byte products", check_dot},
                      {"4-bit codes", check_u4},
                      {"2-bit and 1-bit codes", check_few_bits},
                      {"bit planes", check_planes},
                      {"1-bit codes side by side", check_lookup},
                      {"codes of any number of bits", check_any_bits},
                      {"Walsh-Hadamard", check_fht},
                      {"flips", check_flips},
                      {"sets", check_sets},
                      {"sorted pools", check_nearest},
                      {"encode and fold", check_codes},
                      {"bit counts", check_bits}};
        for (size_t c = 0; c < sizeof(checks) / sizeof(checks[0]); c++) {
            bool ok = check_lengths(checks[c].fn, v, all[0]);
            failed += !ok;
            printf("%sok %u - %s: %s\n", ok ? "" : "not ", ++tests, v->name, checks[c].name);
        }
        bool all_ok = check_half_all(v, all[0]);
        failed += !all_ok;
        printf("%sok %u - %s: every 16-bit float\n", all_ok ? "" : "not ", ++tests, v->name);
        bool ok = check_use(v);
        failed += !ok;
        printf("%sok %u - %s can be chosen\n", ok ? "" : "not ", ++tests, v->name);
    }
    printf("1..%u\n", tests);
    return failed > 0;
}
