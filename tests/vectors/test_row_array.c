/* test_row_array.c -- rows keep their contents while the array grows and is joined, and rows in
 * a chunk of full size do not move. */
#include "vectors/row_array.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void write(struct row_array *c, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        cr_assert_eq(row_array_reserve(c, i + 1), 0);
        cr_assert_eq(*(uint32_t *)row_array_at(c, i), 0, "row %u is not zero", i);
        *(uint32_t *)row_array_at(c, i) = i + 1;
    }
}

static void read(const struct row_array *c, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        cr_assert_eq(*(const uint32_t *)rows_at(&c->rows, i), i + 1);
}

static int stop_third(void *arg)
{
    unsigned *left = arg;
    return (*left)-- == 0 ? -ECANCELED : 0;
}

Test(column, grows_in_chunks_and_joins_them)
{
    struct row_array c;
    row_array_init(&c, 4096);
    uint32_t chunk = (uint32_t)1 << c.rows.shift;
    write(&c, 0, chunk + 1);
    void *whole = row_array_at(&c, 0);
    write(&c, chunk + 1, 4 * chunk + 3);
    cr_assert_eq(row_array_at(&c, 0), whole);
    unsigned left = 2;
    struct pause pause = {stop_third, &left};
    cr_assert_eq(row_array_join(&c, 4 * chunk + 3, &pause), -ECANCELED);
    read(&c, 4 * chunk + 3);
    cr_assert_eq(row_array_join(&c, 4 * chunk + 3, NULL), 0);
    read(&c, 4 * chunk + 3);
    for (uint32_t i = 0; i < 4 * chunk + 3; i++)
        cr_assert_eq((char *)row_array_at(&c, i), (char *)row_array_at(&c, 0) + (size_t)i * 4096);
    write(&c, 4 * chunk + 3, 6 * chunk);
    cr_assert_eq(row_array_join(&c, 6 * chunk, NULL), 0);
    read(&c, 6 * chunk);
    cr_assert_geq(row_array_bytes(&c), (uint64_t)6 * chunk * 4096);
    row_array_fini(&c);
}

Test(column, opens_bytes_in_place_or_copies_them)
{
    uint32_t bytes[3 * 16] = {[0] = 1, [16] = 2, [32] = 3};
    for (int copy = 0; copy < 2; copy++) {
        struct row_array c;
        cr_assert_eq(row_array_open(&c, 64, bytes, 3, copy, NULL), 0);
        cr_assert_eq(row_array_at(&c, 0) == (void *)bytes, !copy);
        read(&c, 3);
        row_array_fini(&c);
    }
}

static unsigned pauses;

static void count_pause(void)
{
    pauses++;
}

Test(column, gives_its_memory_back_with_pauses)
{
    struct row_array c;
    row_array_init(&c, 4096);
    const uint32_t chunk = (uint32_t)1 << c.rows.shift;
    struct pause never = {0};
    write(&c, 0, 3 * chunk);
    cr_assert_eq(row_array_join(&c, 2 * chunk, &never), 0);
    pauses = 0;
    row_array_give_back(&c, count_pause);
    cr_assert_geq(pauses, 3 * chunk * 4096 / ((uint32_t)512 << 10), "%u pauses", pauses);
    row_array_fini(&c);
}
