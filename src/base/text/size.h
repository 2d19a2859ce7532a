/* size.h -- a number of bytes as text for people. */
#pragma once

#include <stdint.h>

#define SIZE_TEXT_MAX 24
/* "1.5 GiB", "300 MiB", "12 bytes". Returns text. */
const char *size_format(uint64_t bytes, char text[SIZE_TEXT_MAX]);
