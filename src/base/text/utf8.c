/* utf8.c -- checks one character after the other by the table of the standard: no overlong forms,
 * no surrogates. */
#include "base/text/utf8.h"

size_t utf8_character(const char *text, size_t size)
{
    const unsigned char *c = (const unsigned char *)text;
    if (size > 0 && c[0] < 0x80)
        return 1;
    if (size == 0 || c[0] < 0xc2 || c[0] > 0xf4)
        return 0;
    size_t n = c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    unsigned char low = c[0] == 0xe0 ? 0xa0 : c[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = c[0] == 0xed ? 0x9f : c[0] == 0xf4 ? 0x8f : 0xbf;
    if (size < n || c[1] < low || c[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

bool utf8_is_valid(const char *text, size_t size)
{
    size_t n = 1;
    for (size_t at = 0; at < size && n > 0; at += n)
        n = utf8_character(text + at, size - at);
    return n > 0;
}
