/* utf8.h -- checks that a text is well-formed UTF-8 (table 3-7 of the Unicode standard). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Whether all of the text is well-formed. An empty text is. A NUL byte counts as a character. */
bool utf8_is_valid(const char *text, size_t size);
/* Bytes of the well-formed character at text; 0: it is not well-formed. */
size_t utf8_character(const char *text, size_t size);
