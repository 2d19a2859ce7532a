/* checksum.h -- CRC32C (Castagnoli, RFC 3720 appendix B.4), with the CPU's instruction where it has
 * one. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Continues a checksum; the first call has crc = 0. checksum_crc32c(checksum_crc32c(0, a), b) is
 * the checksum of a followed by b. */
uint32_t checksum_crc32c(uint32_t crc, const void *bytes, size_t n);
