/* What a user may say of a collection, and the sentence for what not. */
#include "shards/collection.h"

#include <criterion/criterion.h>
#include <string.h>

static struct collection_config good(void)
{
    struct collection_config c = {.dim = 8, .metric = METRIC_L2};
    strcpy(c.name, "a.b_c-1");
    return c;
}

Test(collection, what_is_left_out_is_filled_in)
{
    struct collection_config c = good();
    cr_assert_eq(collection_config_check(&c, NULL), 0);
    cr_assert_eq(c.durability, DURABILITY_FLUSH);
    cr_assert_eq(c.slots, SLOTS_DEFAULT);
    cr_assert_eq(c.index.m, 16);
    cr_assert_eq(c.index.ef_construct, 100);
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
    REFUSED(c.dim = 0, "dim");
    REFUSED(c.dim = DIM_MAX + 1, "dim");
    REFUSED(c.metric = 9, "metric");
    REFUSED(c.durability = 9, "durability");
    REFUSED(c.slots = 1u << 20, "slots");
    REFUSED(c.index.m = 1, "m is 1");
    REFUSED(c.index.ef_construct = 5000, "ef_construct");
}
