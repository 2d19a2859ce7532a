/* fuzz_bytes.h -- takes numbers from the input of a fuzz target, one after another. Behind the end
 * of the input every number is 0. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct fuzz_bytes {
    const uint8_t *at;
    size_t left;
};

static inline void fuzz_take(struct fuzz_bytes *b, void *ret, size_t size)
{
    const size_t n = size < b->left ? size : b->left;
    memset(ret, 0, size);
    if (n)
        memcpy(ret, b->at, n);
    b->at += n;
    b->left -= n;
}
static inline uint8_t fuzz_take_u8(struct fuzz_bytes *b)
{
    uint8_t x;
    fuzz_take(b, &x, sizeof(x));
    return x;
}
static inline uint16_t fuzz_take_u16(struct fuzz_bytes *b)
{
    uint16_t x;
    fuzz_take(b, &x, sizeof(x));
    return x;
}
/* A whole number: mostly one byte with a sign, sometimes 8 bytes. */
static inline int64_t fuzz_take_integer(struct fuzz_bytes *b)
{
    int64_t x;
    const int8_t small = (int8_t)fuzz_take_u8(b);
    if (small != INT8_MIN)
        return small;
    fuzz_take(b, &x, sizeof(x));
    return x;
}
