/* kinds.c -- every code with every refine that goes with it. */
#include "kinds.h"
#include "play.h"

#include <stdio.h>

static const char *const codes[] = {"auto", "f32", "f16", "bf16", "sq8", "sq4", "rabitq"};
static const char *const refines[] = {"auto", "none", "f32", "f16", "bf16"};
static const char *const links[] = {"auto", "plain", "packed"};

/* The values of the model are whole and below 64: f16, bf16 and 8 bits hold them as they are. */
static bool is_exact(Kith__Code code)
{
    return code != KITH__CODE__CODE_SQ4 && code != KITH__CODE__CODE_RABITQ;
}

static uint32_t refines_of(Kith__Code code)
{
    switch (code) {
    case KITH__CODE__CODE_F32: return KITH__REFINE__REFINE_NONE + 1;
    case KITH__CODE__CODE_F16: return KITH__REFINE__REFINE_F32 + 1;
    case KITH__CODE__CODE_BF16: return KITH__REFINE__REFINE_F16 + 1;
    default: return KITH__REFINE__REFINE_BF16 + 1;
    }
}

struct index_kind index_kind_draw(uint64_t *random)
{
    struct index_kind k = {0};
    if (draw_one_in(random, 2))
        return k;
    k.code = (Kith__Code)(draw(random) % ARRAY_LEN(codes));
    if (k.code == KITH__CODE__CODE_RABITQ)
        k.code_bits = (uint32_t)(draw(random) % 9);
    k.refine = (Kith__Refine)(draw(random) % refines_of(k.code));
    k.links = (Kith__Links)(draw(random) % ARRAY_LEN(links));
    k.approximate = k.refine == KITH__REFINE__REFINE_NONE && !is_exact(k.code);
    return k;
}

const char *index_kind_text(const struct index_kind *kind, char *text)
{
    char bits[16] = "";
    if (kind->code_bits)
        snprintf(bits, sizeof bits, "%u", kind->code_bits);
    snprintf(text, 80, "%s%s refined by %s, links %s", codes[kind->code], bits, refines[kind->refine],
             links[kind->links]);
    return text;
}
