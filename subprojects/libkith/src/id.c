/* Ids as text, and back. */
#include "connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *kith_id_format(struct kith_id id, char *text)
{
    const uint64_t upper = id_upper_swap(id.hi);
    if (id.hi == 0)
        sprintf(text, "%llu", (unsigned long long)id.lo);
    else
        sprintf(text, "%08llx-%04llx-%04llx-%04llx-%012llx", (unsigned long long)(upper >> 32),
                (unsigned long long)(upper >> 16 & 0xffff), (unsigned long long)(upper & 0xffff),
                (unsigned long long)(id.lo >> 48), (unsigned long long)(id.lo & 0xffffffffffff));
    return text;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Reads 8-4-4-4-12 hexadecimal digits (RFC 9562, section 4). */
static int uuid_parse(const char *text, struct kith_id *ret)
{
    uint64_t halves[2] = {0, 0};
    int digits = 0;
    for (int i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return -KITH_INVALID_ARGUMENT;
            continue;
        }
        int digit = digit_of(text[i]);
        if (digit < 0)
            return -KITH_INVALID_ARGUMENT;
        halves[digits / 16] = halves[digits / 16] << 4 | (uint64_t)digit;
        digits++;
    }
    if (halves[0] == KITH_ID_PREFIX)
        return -KITH_INVALID_ARGUMENT;
    *ret = (struct kith_id){id_upper_swap(halves[0]), halves[1]};
    return 0;
}

int kith_id_parse(const char *text, struct kith_id *ret)
{
    size_t n = strlen(text);
    if (n == 36)
        return uuid_parse(text, ret);
    if (n == 0 || n > 20 || strspn(text, "0123456789") != n)
        return -KITH_INVALID_ARGUMENT;
    errno = 0;
    uint64_t number = strtoull(text, NULL, 10);
    if (errno == ERANGE)
        return -KITH_INVALID_ARGUMENT;
    *ret = (struct kith_id){0, number};
    return 0;
}
