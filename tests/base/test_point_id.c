/* test_point_id.c -- ids and their texts in both directions, and texts that are no ids. */
#include "base/point_id.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(point_id, numbers_and_uuids_survive_the_way_through_text)
{
    const struct point_id ids[] = {{0, 0},
                                   {0, 42},
                                   {0, (uint64_t)1 << 63},
                                   {0, UINT64_MAX},
                                   {POINT_ID_PREFIX, 42},
                                   {0x550e8400e29b41d4, 0xa716446655440000},
                                   {UINT64_MAX, UINT64_MAX}};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        char text[POINT_ID_TEXT_MAX];
        struct point_id back;
        cr_assert_eq(point_id_parse(point_id_format(ids[i], text), &back), 0, "%s", text);
        cr_assert(point_id_equal(ids[i], back), "%s", text);
    }
}

Test(point_id, a_number_and_the_uuid_of_the_same_bits_are_two)
{
    struct point_id number, uuid;
    char text[POINT_ID_TEXT_MAX];
    cr_assert_eq(point_id_parse("42", &number), 0);
    cr_assert_eq(point_id_parse("00000000-0000-0000-0000-00000000002a", &uuid), 0);
    cr_assert(!point_id_equal(number, uuid) && point_id_is_number(number) && !point_id_is_number(uuid));
    cr_assert_str_eq(point_id_format(number, text), "42");
    cr_assert_str_eq(point_id_format(uuid, text), "00000000-0000-0000-0000-00000000002a");
}

Test(point_id, a_uuid_is_written_as_rfc_9562_writes_it)
{
    struct point_id id;
    char text[POINT_ID_TEXT_MAX];
    cr_assert_eq(point_id_parse("550E8400-e29b-41d4-a716-446655440000", &id), 0);
    cr_assert_str_eq(point_id_format(id, text), "550e8400-e29b-41d4-a716-446655440000");
}

Test(point_id, what_is_neither_is_refused)
{
    const char *bad[] = {"",
                         "-1",
                         "1.5",
                         "0x10",
                         " 1",
                         "18446744073709551616",
                         "99999999999999999999999",
                         "550e8400e29b41d4a716446655440000",
                         "550e8400-e29b-41d4-a716-44665544000",
                         "550e8400-e29b-41d4-a716-44665544000g",
                         "4b495448-5555-0000-0000-00000000002a",
                         "550e8400-e29b-41d4-a716_446655440000"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct point_id id;
        cr_assert_eq(point_id_parse(bad[i], &id), -EINVAL, "%s", bad[i]);
    }
}

/* The hash is part of the disk format, because slots are cut from it. These values are XXH3-64
 * of the 16 bytes of an id, hi first, little-endian. */
Test(point_id, the_hash_never_changes)
{
    cr_assert_eq(point_id_hash((struct point_id){0, 0}), 0xd0a66a65c7528968u);
    cr_assert_eq(point_id_hash((struct point_id){0, 42}), 0x15dcc7a00a41ceb6u);
}
