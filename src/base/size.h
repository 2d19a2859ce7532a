/* size.h -- numbers of bytes as people write and read them: 8GiB, 512MiB, 60%. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* "1536MiB", "1.5GiB", "64KiB", "4096" (bytes), "60%" (of whole, if that is known). Units are powers of 1024; "8GB" is not taken, because it is not clear
 * which is meant. False: it is none of these, or too large. */
bool size_parse(const char *text, uint64_t whole, uint64_t *ret);

#define SIZE_TEXT_MAX 24
/* "1.5 GiB", "300 MiB", "12 bytes". Returns text. */
const char *size_format(uint64_t bytes, char text[SIZE_TEXT_MAX]);
