/* test_query.c -- the bounds of a query in every collection: allowed values pass, and each other
 * value is refused by name. */
#include "query/query.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <string.h>

static struct query good(void)
{
    return (struct query){.collection = "c", .k = 10};
}

static void want_refused(struct query q, const char *said)
{
    struct error e = {0};
    cr_assert_lt(query_check(&q, &e), 0, "%s", said);
    cr_assert_eq(e.code, ERROR_INVALID_ARGUMENT);
    cr_assert(strstr(e.text, said), "\"%s\" does not say %s", e.text, said);
}

static void want_allowed(struct query q)
{
    struct error e = {0};
    cr_assert_eq(query_check(&q, &e), 0, "%s", e.text);
}

Test(query, k_and_offset_are_bounded_together)
{
    struct query q = good();
    want_allowed(q);
    q.offset = QUERY_K_MAX - 10;
    want_allowed(q);
    cr_assert_eq(query_depth(&q), (uint32_t)QUERY_K_MAX);
    q.offset++;
    want_refused(q, "offset 9991");
    q.offset = UINT32_MAX; /* the sum of offset and k overflows */
    want_refused(q, "offset 4294967295");
    q.offset = 0;
    q.k = 0;
    want_refused(q, "k is 0");
    q.k = QUERY_K_MAX + 1;
    want_refused(q, "k is 10001");
}

Test(query, effort_is_bounded)
{
    struct query q = good();
    q.effort = (struct query_effort){.ef = QUERY_EF_MAX, .recall = 1, .refine_k = QUERY_REFINE_K_MAX};
    want_allowed(q);
    q.effort.ef++;
    want_refused(q, "ef is 10001");
    const float recalls[] = {-0.1f, 1.01f, NAN, INFINITY};
    for (unsigned i = 0; i < ARRAY_LEN(recalls); i++) {
        q.effort = (struct query_effort){.recall = recalls[i]};
        want_refused(q, "recall");
        q.effort = (struct query_effort){.refine_k = i == 1 ? QUERY_REFINE_K_MAX + 1 : recalls[i]};
        want_refused(q, "refine_k");
    }
}

Test(query, a_fan_out_has_a_name_or_is_refused)
{
    struct query q = good();
    for (q.fan_out = FAN_OUT_UNSAID; q.fan_out < FAN_OUT_COUNT; q.fan_out++)
        want_allowed(q);
    want_refused(q, "fan_out 4");
    q.fan_out = (enum fan_out) - 1;
    want_refused(q, "fan_out -1");
    for (enum fan_out f = FAN_OUT_AUTO; f < FAN_OUT_COUNT; f++)
        cr_assert_not_null(fan_out_names[f - FAN_OUT_AUTO]);
    cr_assert_null(fan_out_names[FAN_OUT_COUNT - FAN_OUT_AUTO]);
}
