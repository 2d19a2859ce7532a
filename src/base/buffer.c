/* buffer.c -- a growing buffer of bytes. Its capacity doubles, so appending takes linear time in
 * total. */
#include "base/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int buffer_reserve(struct buffer *b, size_t more)
{
    if (more <= b->capacity - b->size)
        return 0;
    size_t need, capacity = b->capacity ? b->capacity : 256;
    if (__builtin_add_overflow(b->size, more, &need) || need > SIZE_MAX / 2)
        return -ENOMEM;
    while (capacity < need)
        capacity *= 2;
    uint8_t *bytes = realloc(b->bytes, capacity);
    if (!bytes)
        return -ENOMEM;
    b->bytes = bytes;
    b->capacity = capacity;
    return 0;
}

int buffer_append(struct buffer *b, const void *bytes, size_t n)
{
    int rc = buffer_reserve(b, n);
    if (rc == 0 && n) {
        memcpy(b->bytes + b->size, bytes, n);
        b->size += n;
    }
    return rc;
}

int buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    int rc = n < 0 ? -EINVAL : buffer_reserve(b, (size_t)n + 1);
    if (rc < 0)
        return rc;
    va_start(args, format);
    vsnprintf((char *)b->bytes + b->size, (size_t)n + 1, format, args);
    va_end(args);
    b->size += (size_t)n;
    return 0;
}

void buffer_fini(struct buffer *b)
{
    free(b->bytes);
    *b = (struct buffer){0};
}

void buffer_fini_slowly(struct buffer *b, void (*pause)(void))
{
    if (b->capacity >= (size_t)1 << 20)
        memory_discard(b->bytes, b->capacity, pause);
    buffer_fini(b);
}
