/* Tests blocks of the log: they are written and read back, and every kind of damage is found. */
#include "shards/log/log_block.h"

#include <criterion/criterion.h>
#include <string.h>

Test(log_block, comes_back_as_it_was_written)
{
    static uint8_t payload[5000], out[3 * LOG_UNIT];
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 7);
    struct log_block b = {.position = 8192,
                          .epoch = 3,
                          .run = 77,
                          .durable = 4096,
                          .reactor = 5,
                          .size = sizeof(payload),
                          .flags = LOG_CONTINUED,
                          .payload = payload},
                     back;
    memset(out, 0xee, sizeof(out));
    log_block_write(&b, out);
    cr_assert_eq(log_block_extent(b.size), 2 * LOG_UNIT);
    cr_assert_eq(out[2 * LOG_UNIT - 1], 0, "the rest of the last unit must be zeros");
    cr_assert_eq(out[2 * LOG_UNIT], 0xee, "bytes behind the last unit must not be written");
    cr_assert(log_block_read(out, sizeof(out), &back));
    cr_assert(back.position == 8192 && back.epoch == 3 && back.run == 77 && back.durable == 4096 && back.reactor == 5);
    cr_assert(back.format == LOG_FORMAT && back.flags == LOG_CONTINUED && back.size == sizeof(payload));
    cr_assert_eq(memcmp(back.payload, payload, sizeof(payload)), 0);
}

Test(log_block, any_flipped_bit_and_any_missing_byte_is_noticed)
{
    uint8_t payload[100] = {1, 2, 3}, out[LOG_UNIT];
    struct log_block b = {.position = 4096, .size = sizeof(payload), .payload = payload}, back;
    log_block_write(&b, out);
    size_t used = LOG_BLOCK_HEADER + sizeof(payload);
    for (size_t bit = 0; bit < used * 8; bit++) {
        out[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_not(log_block_read(out, sizeof(out), &back), "bit %zu", bit);
        out[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < used; size++)
        cr_assert_not(log_block_read(out, size, &back), "%zu bytes", size);
    cr_assert(log_block_read(out, used, &back));
}
