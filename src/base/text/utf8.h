/* utf8.h -- is a text well-formed UTF-8 (table 3-7 of the Unicode standard)? */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* All of it is; no byte at all is, too. A NUL byte is a character like others. */
bool utf8_is_valid(const char *text, size_t size);
/* Bytes of the well-formed character at text; 0: there is none. */
size_t utf8_character(const char *text, size_t size);
