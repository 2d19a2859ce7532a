/* test_checksum.c -- CRC32C gives the test vectors of RFC 3720 (B.4), and the same sum however
 * the bytes are split. */
#include "base/checksum.h"

#include <criterion/criterion.h>
#include <string.h>

Test(checksum, matches_the_vectors_of_rfc_3720)
{
    uint8_t bytes[32];
    memset(bytes, 0, sizeof(bytes));
    cr_assert_eq(checksum_crc32c(0, bytes, 32), 0x8a9136aau);
    memset(bytes, 0xff, sizeof(bytes));
    cr_assert_eq(checksum_crc32c(0, bytes, 32), 0x62a8ab43u);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    cr_assert_eq(checksum_crc32c(0, bytes, 32), 0x46dd794eu);
    cr_assert_eq(checksum_crc32c(0, "123456789", 9), 0xe3069283u);
    cr_assert_eq(checksum_crc32c(0, "", 0), 0u);
}

Test(checksum, continues_over_any_split_and_alignment)
{
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 131 + 7);
    for (size_t start = 0; start < 9; start++)
        for (size_t n = 0; n + start <= sizeof(bytes); n += 13) {
            uint32_t whole = checksum_crc32c(0, bytes + start, n);
            for (size_t cut = 0; cut <= n; cut += 5)
                cr_assert_eq(checksum_crc32c(checksum_crc32c(0, bytes + start, cut), bytes + start + cut, n - cut),
                             whole);
        }
}

/* The sum bit by bit, by the polynomial. */
static uint32_t slow_sum(const uint8_t *p, size_t n)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0x82f63b78u & -(crc & 1));
    }
    return ~crc;
}

/* Long sums are computed in lanes of several lengths. The sizes lie around one and two blocks of
 * each length, at odd addresses. */
Test(checksum, of_long_blocks_is_what_the_slow_way_says)
{
    static const size_t blocks[] = {3 * 128, 3 * 2048, 3 * 65536};
    static uint8_t bytes[500000];
    uint64_t state = 1;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)((state = state * 6364136223846793005u + 1442695040888963407u) >> 56);
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
        for (size_t n = blocks[i] - 9; n < blocks[i] + 9; n++) {
            cr_assert_eq(checksum_crc32c(0, bytes + n % 8, n), slow_sum(bytes + n % 8, n), "%zu bytes", n);
            cr_assert_eq(checksum_crc32c(0, bytes + n % 8, 2 * n + 1), slow_sum(bytes + n % 8, 2 * n + 1), "%zu bytes",
                         2 * n + 1);
        }
    cr_assert_eq(checksum_crc32c(checksum_crc32c(0, bytes, 7001), bytes + 7001, sizeof(bytes) - 7001),
                 slow_sum(bytes, sizeof(bytes)));
}

Test(checksum, notices_any_flipped_bit)
{
    uint8_t bytes[70] = {1, 2, 3};
    uint32_t good = checksum_crc32c(0, bytes, sizeof(bytes));
    for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_neq(checksum_crc32c(0, bytes, sizeof(bytes)), good);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}
