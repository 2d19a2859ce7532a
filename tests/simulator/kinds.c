/* kinds.c -- draws every metric, every code, and every refine that the code allows. */
#include "kinds.h"
#include "play.h"
#include "scores.h"

#include <stdio.h>
#include <string.h>

static const char *const codes[] = {"auto", "f32", "f16", "bf16", "sq8", "sq4", "rabitq"};
static const char *const refines[] = {"auto", "none", "f32", "f16", "bf16"};
static const char *const links[] = {"auto", "plain", "packed"};

/* Whether the code alone gives exact distances. The values of the model are whole and below 64.
 * f16, bf16 and 8 bits hold them exactly, but not after cosine has scaled them to length 1. Under
 * the inner product a code of 8 bits rounds the query. */
static bool is_exact(const struct index_recipe *k)
{
    switch (k->code) {
    case KITH__CODE__CODE_F32: return true;
    case KITH__CODE__CODE_AUTO: /* AUTOINDEX may choose 8 bits */
    case KITH__CODE__CODE_SQ8: return k->metric == KITH__METRIC__METRIC_L2;
    case KITH__CODE__CODE_SQ4:
    case KITH__CODE__CODE_RABITQ: return false;
    default: return k->metric != KITH__METRIC__METRIC_COSINE;
    }
}

/* Whether an approximate search may report approximate distances: nothing refines them. */
static bool is_approximate(const struct index_recipe *k)
{
    const bool refined = k->metric == KITH__METRIC__METRIC_COSINE ? k->refine == KITH__REFINE__REFINE_F32
                                                                  : k->refine != KITH__REFINE__REFINE_NONE;
    return !refined && !is_exact(k);
}

/* Half of the collections have L2. */
static Kith__Metric draw_metric(uint64_t *random)
{
    static const Kith__Metric metrics[] = {KITH__METRIC__METRIC_L2, KITH__METRIC__METRIC_L2, KITH__METRIC__METRIC_IP,
                                           KITH__METRIC__METRIC_COSINE};
    return metrics[draw(random) % ARRAY_LEN(metrics)];
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

#define KINDS 0x2545f4914f6cdd1dull

/* A quarter of the collections has an exact index kind, which takes no code. */
static const char *draw_index(uint64_t metrics)
{
    static const char *const exact[] = {"flat", "paged"};
    uint64_t random = ~metrics * KINDS;
    return draw_one_in(&random, 4) ? exact[draw(&random) % ARRAY_LEN(exact)] : "auto";
}

static struct index_recipe draw_auto(uint64_t *random, uint64_t *metrics)
{
    struct index_recipe k = {.index = "auto", .metric = draw_metric(metrics)};
    k.approximate = is_approximate(&k);
    if (draw_one_in(random, 2))
        return k;
    k.code = (Kith__Code)(draw(random) % ARRAY_LEN(codes));
    if (k.code == KITH__CODE__CODE_RABITQ)
        k.code_bits = (uint32_t)(draw(random) % 9);
    k.refine = (Kith__Refine)(draw(random) % refines_of(k.code));
    k.links = (Kith__Links)(draw(random) % ARRAY_LEN(links));
    k.approximate = is_approximate(&k);
    return k;
}

struct index_recipe index_recipe_draw(uint64_t *random, uint64_t *metrics)
{
    const char *index = draw_index(*metrics);
    const struct index_recipe k = draw_auto(random, metrics);
    return strcmp(index, "auto") == 0 ? k : (struct index_recipe){.metric = k.metric, .index = index};
}

const char *index_recipe_text(const struct index_recipe *kind, char *text)
{
    char bits[16] = "";
    if (kind->code_bits)
        snprintf(bits, sizeof(bits), "%u", kind->code_bits);
    snprintf(text, 100, "%s, index %s, %s%s refined by %s, links %s", metric_text(kind->metric), kind->index,
             codes[kind->code], bits, refines[kind->refine], links[kind->links]);
    return text;
}
