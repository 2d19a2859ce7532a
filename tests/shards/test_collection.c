/* Tests which options of a collection are allowed, and the sentences of the refusals. */
#include "../columns/one_vector.h"
#include "shards/collection.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static struct collection_config good(void)
{
    struct collection_config c = {.schema = one_vector(8, METRIC_L2)};
    strcpy(c.name, "a.b_c-1");
    return c;
}

Test(collection, what_is_left_out_is_filled_in)
{
    struct collection_config c = good();
    cr_assert_eq(collection_config_check(&c, NULL), 0);
    cr_assert_eq(c.durability, DURABILITY_FLUSH);
    cr_assert_eq(c.slots, SLOTS_DEFAULT);
}

Test(collection, what_is_left_out_of_the_index_stays_open_for_each_segment)
{
    struct collection_config c = good();
    cr_assert_eq(collection_config_check(&c, NULL), 0);
    cr_assert(c.schema->vectors[0].index.m == 0 && c.schema->vectors[0].index.ef_construct == 0 &&
              c.schema->vectors[0].index.code == CODE_AUTO);
    cr_assert(c.schema->vectors[0].index.refine == REFINE_AUTO && c.schema->vectors[0].index.refine_k == 0 &&
              c.schema->vectors[0].index.links == LINKS_AUTO);
}

Test(collection, every_code_can_be_asked_for)
{
    for (unsigned code = CODE_F32; code <= CODE_RABITQ; code++)
        for (unsigned bits = 0; bits <= (code == CODE_RABITQ ? 8 : 0); bits++) {
            struct collection_config c = good();
            c.schema->vectors[0].index.code = (enum code_kind)code;
            c.schema->vectors[0].index.code_bits = (uint8_t)bits;
            cr_assert_eq(collection_config_check(&c, NULL), 0);
            c.schema->vectors[0].index.refine = REFINE_F32;
            c.schema->vectors[0].index.refine_k = 3;
            cr_assert_eq(collection_config_check(&c, NULL) < 0, code == CODE_F32);
        }
}

#define REFUSED(change, words)                                                                                         \
    do {                                                                                                               \
        static struct collection_config c;                                                                             \
        static struct error e;                                                                                         \
        c = good();                                                                                                    \
        change;                                                                                                        \
        cr_assert(collection_config_check(&c, &e) < 0, #change);                                                       \
        cr_assert(e.code == ERROR_INVALID_ARGUMENT && strstr(e.text, words), "%s: %s", #change, e.text);               \
    } while (0)

Test(collection, what_is_out_of_range_is_refused_with_a_sentence)
{
    REFUSED(c.name[0] = 0, "name");
    REFUSED(strcpy(c.name, "a b"), "character 2");
    REFUSED(strcpy(c.name, ".hidden"), "begin");
    REFUSED(memset(c.name, 'x', sizeof(c.name)), "name");
    REFUSED(c.schema->vectors[0].dim = 0, "dim");
    REFUSED(c.schema->vectors[0].dim = DIM_MAX + 1, "dim");
    REFUSED(c.schema->vectors[0].metric = 9, "metric");
    REFUSED(c.durability = 9, "durability");
    REFUSED(c.slots = 1u << 20, "slots");
    REFUSED(c.schema->vectors[0].index.m = 1, "m is 1");
    REFUSED(c.schema->vectors[0].index.m = 257, "m is 257");
    REFUSED(c.schema->vectors[0].index.ef_construct = 5000, "ef_construct");
}

Test(collection, an_index_that_makes_no_sense_is_refused_with_a_sentence)
{
    REFUSED(c.schema->vectors[0].index.code = 7, "code 7");
    REFUSED(c.schema->vectors[0].index.refine = 5, "refine 5");
    REFUSED(c.schema->vectors[0].index.links = 3, "links 3");
    REFUSED((c.schema->vectors[0].index.code = CODE_RABITQ, c.schema->vectors[0].index.code_bits = 9),
            "code_bits is 9");
    REFUSED((c.schema->vectors[0].index.code = CODE_SQ4, c.schema->vectors[0].index.code_bits = 4), "code_bits is 4");
    REFUSED(c.schema->vectors[0].index.code_bits = 4, "only of code rabitq");
}

Test(collection, a_refine_that_makes_no_sense_is_refused_with_a_sentence)
{
    REFUSED((c.schema->vectors[0].index.code = CODE_F32, c.schema->vectors[0].index.refine = REFINE_F32),
            "refine f32 is not finer than code f32");
    REFUSED((c.schema->vectors[0].index.code = CODE_F16, c.schema->vectors[0].index.refine = REFINE_BF16),
            "refine bf16 is not finer than code f16");
    REFUSED((c.schema->vectors[0].index.code = CODE_BF16, c.schema->vectors[0].index.refine = REFINE_BF16),
            "refine bf16 is not finer than code bf16");
    REFUSED(c.schema->vectors[0].index.refine_k = 0.5f, "refine_k is 0.5");
    REFUSED(c.schema->vectors[0].index.refine_k = 101, "refine_k is 101");
    REFUSED(c.schema->vectors[0].index.refine_k = NAN, "refine_k is");
    REFUSED((c.schema->vectors[0].index.refine = REFINE_NONE, c.schema->vectors[0].index.refine_k = 2), "refine none");
    REFUSED((c.schema->vectors[0].index.code = CODE_F32, c.schema->vectors[0].index.refine_k = 2), "code f32");
}

Test(collection, a_reactor_has_as_large_a_part_as_it_has_slots)
{
    cr_assert_eq(slot_parts(1024, 1, 0), 1);
    cr_assert_eq(slot_parts(1024, 8, 7), 8);
    cr_assert_eq(slot_parts(1, 8, 0), 1); /* owner 0 has the only slot */
    cr_assert_eq(slot_parts(1, 8, 3), 0);
    cr_assert_eq(slot_parts(3, 2, 0), 1); /* owner 0 has two of three slots */
    cr_assert_eq(slot_parts(3, 2, 1), 3);
    cr_assert_eq(slot_parts(16, 0, 0), 0);
    for (uint32_t slots = 1; slots < 70; slots++)
        for (uint32_t owners = 1; owners < 70; owners++)
            for (uint32_t owner = 0; owner < owners; owner++) {
                uint32_t own = 0;
                for (uint32_t slot = 0; slot < slots; slot++)
                    own += slot_owner(slot, owners) == owner;
                cr_assert_eq(slot_parts(slots, owners, owner), own ? slots / own : 0);
            }
}
