/* Tests the options of an engine: the words behind the colon of its name. */
#include "ann/ann.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>

static struct peer_variant variant(const char *text)
{
    struct peer_variant v;
    cr_assert_eq(ann_variant_read(text, &v), 0, "%s", text);
    return v;
}

Test(ann_variant, nothing_is_left_to_the_engine)
{
    struct peer_variant v = variant("");
    cr_assert(v.code == PEER_CODE_AUTO && v.refine == PEER_REFINE_AUTO && v.links == PEER_LINKS_AUTO && !v.mapped);
    v = variant("auto+packed");
    cr_assert(v.code == PEER_CODE_AUTO && v.links == PEER_LINKS_PACKED);
}

Test(ann_variant, a_number_type_is_the_code_when_first_and_refines_when_not)
{
    struct peer_variant v = variant("f16");
    cr_assert(v.code == PEER_CODE_F16 && v.refine == PEER_REFINE_AUTO);
    v = variant("sq4+f16");
    cr_assert(v.code == PEER_CODE_SQ4 && v.refine == PEER_REFINE_F16);
    v = variant("bf16+f32");
    cr_assert(v.code == PEER_CODE_BF16 && v.refine == PEER_REFINE_F32);
}

Test(ann_variant, words_may_come_together)
{
    struct peer_variant v = variant("rabitq4+none+packed+mapped+m24+efc300");
    cr_assert(v.code == PEER_CODE_RABITQ && v.code_bits == 4 && v.refine == PEER_REFINE_NONE);
    cr_assert(v.links == PEER_LINKS_PACKED && v.mapped && v.m == 24 && v.ef_construct == 300);
    v = variant("m8");
    cr_assert(v.code == PEER_CODE_AUTO && v.m == 8);
}

Test(ann_variant, other_words_are_refused, .init = cr_redirect_stderr)
{
    static const char *const wrong[] = {"sq5", "rabitq", "rabitq0", "rabitq9", "m", "m257", "sq8+auto", "m1x", "efc-3"};
    struct peer_variant v;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        cr_assert_lt(ann_variant_read(wrong[i], &v), 0, "%s", wrong[i]);
}
