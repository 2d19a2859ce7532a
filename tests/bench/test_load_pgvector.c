/* Tests the bytes that are sent to PostgreSQL, and the error when there is no server. The tests
 * need no database. */
#include "load/load_pgvector.h"

#include <criterion/criterion.h>
#include <string.h>

Test(load_pgvector, a_vector_has_its_dimensions_and_then_floats_with_the_most_significant_byte_first)
{
    static const float v[2] = {1, -2.5f};
    static const char wanted[] = {0, 2, 0, 0, 0x3f, (char)0x80, 0, 0, (char)0xc0, 0x20, 0, 0};
    char packed[sizeof(wanted)];
    cr_assert_eq(PGVECTOR_BYTES(2), sizeof(wanted));
    pgvector_pack(packed, v, 2);
    cr_assert_eq(memcmp(packed, wanted, sizeof(wanted)), 0);
}

Test(load_pgvector, numbers_come_back_as_they_went)
{
    char bytes[8];
    pgvector_put(bytes, 0x0102030405060708, 8);
    cr_assert_eq(bytes[0], 1);
    cr_assert_eq(pgvector_get(bytes, 8), 0x0102030405060708);
    pgvector_put(bytes, 70000, 4);
    cr_assert_eq(pgvector_get(bytes, 4), 70000);
}

Test(load_pgvector, where_there_is_no_database_a_sentence_says_so)
{
    char why[300] = "";
    struct link *l = NULL;
    cr_assert(!target_pgvector.usable("host=/nonexistent/folder", why, sizeof(why)));
    cr_assert(strstr(why, "/nonexistent/folder"), "%s", why);
    cr_assert_null(strchr(why, '\n'));
    why[0] = 0;
    cr_assert_lt(target_pgvector.open("host=/nonexistent/folder", &l, why, sizeof(why)), 0);
    cr_assert(why[0] && !l);
}
