/* CRC32C against the test vectors of RFC 3720 (B.4), and against itself: any split gives the same sum. */
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
