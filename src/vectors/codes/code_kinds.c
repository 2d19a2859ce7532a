/* code_kinds.c -- the list of the kinds of code, from kinds.def, and functions that need a kind but
 * no codes. */
#include "vectors/codes/code_ops.h"

#include "base/check.h"
#include "vectors/rows.h"

#include <stdio.h>

#define CODE_KIND(number, id, name, file) extern const struct code_ops code_##name;
#include "vectors/codes/kinds.def"
#undef CODE_KIND

#define CODE_KIND(number, id, name, file) [number] = &code_##name,
static const struct code_ops *const kinds[] = {
#include "vectors/codes/kinds.def"
};
#undef CODE_KIND

/* Indexed by enum refine_kind. */
static const enum code_kind refines[] = {[REFINE_F32] = CODE_F32, [REFINE_F16] = CODE_F16, [REFINE_BF16] = CODE_BF16};

/* From coarse to fine. */
static const struct code_type finer[] = {{CODE_SQ4, 0}, {CODE_SQ8, 0}, {CODE_RABITQ, 8}, {CODE_F32, 0}};

const struct code_ops *code_ops_of(unsigned kind)
{
    return kind < ARRAY_LEN(kinds) ? kinds[kind] : NULL;
}

const char *code_name(unsigned kind, unsigned bits)
{
    const struct code_ops *ops = code_ops_of(kind);
    if (!ops)
        return kind == CODE_AUTO ? "auto" : "?";
    return ops->names && bits > 0 && bits <= ops->bits_max ? ops->names[bits] : ops->name;
}

const char *code_names(void)
{
    static _Thread_local char text[128];
    size_t n = (size_t)snprintf(text, sizeof(text), "auto");
    for (size_t i = 1; i < ARRAY_LEN(kinds) && n < sizeof(text); i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i + 1 < ARRAY_LEN(kinds) ? ", " : " or ",
                              kinds[i]->name);
    return text;
}

enum code_kind refine_code(enum refine_kind refine)
{
    return (unsigned)refine < ARRAY_LEN(refines) ? refines[refine] : CODE_AUTO;
}

const char *refine_name(unsigned refine)
{
    if (refine >= ARRAY_LEN(refines))
        return "?";
    return refine == REFINE_NONE ? "none" : code_name(refines[refine], 0);
}

uint32_t code_row_bytes(struct code_type type, enum metric metric, uint32_t dim)
{
    const struct code_ops *ops = code_ops_of(type.kind);
    return ops->stride(dim, type.bits) + (metric == METRIC_L2 || !ops->norms_l2_only ? ops->norm_bytes : 0);
}

unsigned code_value_bits(struct code_type type)
{
    const struct code_ops *ops = code_ops_of(type.kind);
    return ops->value_bits ? ops->value_bits : type.bits;
}

struct code_type code_to_build_on(enum metric metric, uint32_t dim)
{
    const struct code_type bytes = {CODE_SQ8, 0}, values = {CODE_F32, 0};
    return code_row_bytes(values, metric, dim) <= code_ops_of(CODE_SQ8)->stride(dim, 0) ? values : bytes;
}

bool code_take_finer(struct code_type *type, enum metric metric, uint32_t dim)
{
    const unsigned last = ARRAY_LEN(finer) - 1;
    unsigned i = 0;
    while (i < last && (finer[i].kind != type->kind || finer[i].bits != type->bits))
        i++;
    if (i == last)
        return false;
    const uint32_t values = code_row_bytes(finer[last], metric, dim);
    while (++i < last && 3 * code_row_bytes(finer[i], metric, dim) > 2 * values)
        ;
    *type = finer[i];
    return true;
}
