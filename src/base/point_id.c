/* point_id.c -- the two text forms of an id, and its hash. */
#include "base/point_id.h"
#include "base/check.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

uint64_t point_id_hash(struct point_id id)
{
    static_assert(sizeof(id) == 16, "hashed as bytes: no padding");
    return XXH3_64bits(&id, sizeof(id));
}

char *point_id_format(struct point_id id, char *text)
{
    bool is_number = point_id_is_number(id);
    id = point_id_swap(id);
    if (is_number)
        snprintf(text, POINT_ID_TEXT_MAX, "%" PRIu64, id.lo);
    else
        snprintf(text, POINT_ID_TEXT_MAX, "%08x-%04x-%04x-%04x-%012" PRIx64, (unsigned)(id.hi >> 32),
                 (unsigned)(id.hi >> 16) & 0xffff, (unsigned)id.hi & 0xffff, (unsigned)(id.lo >> 48),
                 id.lo & 0xffffffffffff);
    return text;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int parse_uuid(const char *text, struct point_id *ret_id)
{
    struct point_id id = {0, 0};
    for (unsigned i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return -EINVAL;
            continue;
        }
        int digit = hex_digit(text[i]);
        if (digit < 0)
            return -EINVAL;
        id.hi = id.hi << 4 | id.lo >> 60;
        id.lo = id.lo << 4 | (unsigned)digit;
    }
    if (id.hi == POINT_ID_PREFIX)
        return -EINVAL;
    *ret_id = point_id_swap(id);
    return 0;
}

static int parse_number(const char *text, struct point_id *ret_id)
{
    uint64_t n = 0;
    if (!*text)
        return -EINVAL;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*text - '0'), &n))
            return -EINVAL;
    }
    *ret_id = (struct point_id){0, n};
    return 0;
}

int point_id_parse(const char *text, struct point_id *ret_id)
{
    return strlen(text) == 36 ? parse_uuid(text, ret_id) : parse_number(text, ret_id);
}
