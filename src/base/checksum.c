/* One result: with the CPU instruction (SSE4.2, ARMv8) where there is one, bit by bit elsewhere. The slow way is the
 * specification. */
#include "base/checksum.h"

#include <string.h>

#define POLYNOMIAL_REVERSED 0x82f63b78u

static uint32_t crc32c_bitwise(uint32_t crc, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (POLYNOMIAL_REVERSED & -(crc & 1));
    }
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const uint8_t *p, size_t n)
{
    uint64_t wide = crc;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = (uint32_t)wide;
    for (; n; p++, n--)
        crc = _mm_crc32_u8(crc, *p);
    return crc;
}
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
static uint32_t crc32c_arm(uint32_t crc, const uint8_t *p, size_t n)
{
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc = __crc32cd(crc, word);
    }
    for (; n; p++, n--)
        crc = __crc32cb(crc, *p);
    return crc;
}
#endif

uint32_t checksum_crc32c(uint32_t crc, const void *bytes, size_t n)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc32c_sse42(~crc, bytes, n);
#elif defined(__ARM_FEATURE_CRC32)
    return ~crc32c_arm(~crc, bytes, n);
#endif
    return ~crc32c_bitwise(~crc, bytes, n);
}
