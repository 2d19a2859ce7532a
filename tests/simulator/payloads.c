/* payloads.c -- each field of a version has a shape: missing, null, a number, an array, or
 * something that is no whole number. One function makes the text from the shape, and another one
 * the values. */
#include "payloads.h"
#include "base/check.h"
#include "fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX  2048
#define PLAIN_MAX 96 /* the most bytes of most payloads that are not JSON */
/* bytes; some payloads have half to one and a half of it: the log copies the shorter ones and
 * borrows the longer ones (record.h) */
#define PLAIN_MEDIUM 2048
#define PLAIN_MANY   30000 /* a batch with a few of these fills more than one block of the log */
#define SMALL        8     /* most values are in [-SMALL, SMALL) */

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 31) * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
    return x ^ x >> 32;
}

static uint64_t hash_of(uint64_t id, uint32_t version, unsigned what)
{
    return mix(mix(id * 1000003 + version) + what);
}

/* -- shapes -- */

enum shape {
    SHAPE_MISSING,
    SHAPE_NULL,
    SHAPE_NO_ELEMENT,
    SHAPE_STRING,
    SHAPE_REAL,
    SHAPE_OBJECT,
    SHAPE_ARRAY, /* an array of small numbers */
    SHAPE_MIXED, /* an array of a small number, null, a string and another array */
    SHAPE_LEAST, /* the least int64_t */
    SHAPE_MOST,
    SHAPE_BEYOND, /* a number too large for an int64_t */
    SHAPE_TWICE,  /* the key is there twice, and the later one counts */
    SHAPE_SMALL,
    SHAPES = 20 /* draws from SHAPE_SMALL to 19 are all SHAPE_SMALL */
};

struct shaped {
    enum shape shape;
    int64_t values[PAYLOAD_VALUES];
    unsigned count; /* numbers of an array */
};

static struct shaped shape_of(uint64_t id, uint32_t version, unsigned field)
{
    uint64_t x = hash_of(id, version, 16 + field);
    struct shaped s = {.shape = (enum shape)(x % SHAPES), .count = 1 + (unsigned)(x / SHAPES % PAYLOAD_VALUES)};
    for (unsigned i = 0; i < PAYLOAD_VALUES; i++, x = mix(x))
        s.values[i] = (int64_t)(x >> 40) % (2 * SMALL) - SMALL;
    return s;
}

/* What a payload is as a whole. */
enum whole { WHOLE_BYTES, WHOLE_NO_OBJECT, WHOLE_CUT, WHOLE_OBJECT };

static enum whole whole_of(const struct payloads *p, uint64_t id, uint32_t version)
{
    const uint64_t x = hash_of(id, version, 1) % 16;
    return !p->json || x < 2 ? WHOLE_BYTES : x == 2 ? WHOLE_NO_OBJECT : x == 3 ? WHOLE_CUT : WHOLE_OBJECT;
}

/* -- values -- */

struct payload_field payload_field_missing(void)
{
    return (struct payload_field){.is_empty = true};
}

struct payload_field payload_field(const struct payloads *p, uint64_t id, uint32_t version, unsigned field)
{
    const struct shaped s = shape_of(id, version, field);
    struct payload_field f = {.count = 0};
    if (whole_of(p, id, version) != WHOLE_OBJECT)
        return payload_field_missing();
    memcpy(f.values, s.values, sizeof(f.values));
    f.is_empty = s.shape == SHAPE_MISSING || s.shape == SHAPE_NULL || s.shape == SHAPE_NO_ELEMENT;
    f.has_null = s.shape == SHAPE_NULL || s.shape == SHAPE_MIXED;
    if (s.shape == SHAPE_ARRAY)
        f.count = s.count;
    else if (s.shape == SHAPE_LEAST || s.shape == SHAPE_MOST)
        f = (struct payload_field){{s.shape == SHAPE_LEAST ? INT64_MIN : INT64_MAX}, .count = 1};
    else if (s.shape == SHAPE_MIXED || s.shape >= SHAPE_TWICE)
        f.count = 1;
    return f;
}

/* -- text -- */

void payload_path(uint32_t owner, unsigned field, char path[PAYLOAD_PATH])
{
    snprintf(path, PAYLOAD_PATH, "player%u.field%u", owner, field);
}

struct text {
    char bytes[TEXT_MAX];
    size_t size;
};

#define PUT(t, ...) ((t)->size += (size_t)snprintf((t)->bytes + (t)->size, TEXT_MAX - (t)->size, __VA_ARGS__))

static void put_array(struct text *t, const struct shaped *s)
{
    for (unsigned i = 0; i < s->count; i++)
        PUT(t, "%c%" PRId64, i ? ',' : '[', s->values[i]);
    PUT(t, "]");
}

static void put_value(struct text *t, const struct shaped *s)
{
    const int64_t x = s->values[0];
    switch (s->shape) {
    case SHAPE_NULL: PUT(t, "null"); break;
    case SHAPE_NO_ELEMENT: PUT(t, "[]"); break;
    case SHAPE_STRING: PUT(t, "\"%" PRId64 "\"", x); break;
    case SHAPE_REAL: PUT(t, "%" PRId64 ".0", x); break;
    case SHAPE_OBJECT: PUT(t, "{\"field0\":%" PRId64 "}", x); break;
    case SHAPE_ARRAY: put_array(t, s); break;
    case SHAPE_MIXED: PUT(t, "[\"%" PRId64 "\", null, %" PRId64 ", [%" PRId64 "]]", x + 1, x, x + 2); break;
    case SHAPE_LEAST: PUT(t, "%" PRId64, INT64_MIN); break;
    case SHAPE_MOST: PUT(t, "%" PRId64, INT64_MAX); break;
    case SHAPE_BEYOND: PUT(t, "%s9223372036854775809", x < 0 ? "-" : ""); break;
    default: PUT(t, "%" PRId64, x); break;
    }
}

static void put_field(struct text *t, uint64_t id, uint32_t version, unsigned field)
{
    const struct shaped s = shape_of(id, version, field);
    if (s.shape == SHAPE_MISSING)
        return;
    if (s.shape == SHAPE_TWICE)
        PUT(t, "\"field%u\":%" PRId64 ",", field, s.values[1]);
    PUT(t, "\"field%u\":", field);
    put_value(t, &s);
    PUT(t, ",");
}

/* Writes the object without its closing brace. */
static void put_object(struct text *t, uint32_t owner, uint64_t id, uint32_t version)
{
    PUT(t, "{\"player%u\":{", owner);
    for (unsigned field = 0; field < FIELDS; field++)
        put_field(t, id, version, field);
    PUT(t, "\"id\":%" PRIu64 "}", id);
    check(t->size < TEXT_MAX - 1);
}

static uint32_t plain_size(uint64_t id, uint32_t version)
{
    uint64_t x = (id * 31 + version) * 0x9e3779b97f4a7c15u >> 32;
    if (x % 256 == 0)
        return x % 2048 == 0 ? PAYLOAD_MAX : PLAIN_MANY;
    if (x % 16 == 1)
        return PLAIN_MEDIUM / 2 + (uint32_t)(x / 16 % PLAIN_MEDIUM);
    return x % 3 == 0 ? 0 : (uint32_t)(x / 3 % PLAIN_MAX);
}

static void put_bytes(uint64_t id, uint32_t version, uint32_t size, uint8_t *ret)
{
    uint64_t x = id * 7919 + version;
    for (uint32_t i = 0; i < size; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        ret[i] = (uint8_t)(x >> 56);
    }
}

/* Writes a JSON payload, padded with spaces to at least `least` bytes. Returns its size. ret may be
 * NULL: then only the size is computed. */
static uint32_t put_json(const struct payloads *p, uint64_t id, uint32_t version, uint32_t least, uint8_t *ret)
{
    static const char *const ends[] = {[WHOLE_NO_OBJECT] = "}]", [WHOLE_CUT] = "", [WHOLE_OBJECT] = "}"};
    const enum whole whole = whole_of(p, id, version);
    const size_t end = strlen(ends[whole]);
    struct text t = {.size = 0};
    if (whole == WHOLE_NO_OBJECT)
        PUT(&t, "[");
    put_object(&t, p->owner, id, version);
    const size_t pad = least > t.size + end ? least - t.size - end : 0;
    if (ret) {
        memcpy(ret, t.bytes, t.size);
        memset(ret + t.size, ' ', pad);
        memcpy(ret + t.size + pad, ends[whole], end);
    }
    return (uint32_t)(t.size + pad + end);
}

uint32_t payload_size(const struct payloads *p, uint64_t id, uint32_t version)
{
    const uint32_t size = plain_size(id, version);
    return whole_of(p, id, version) == WHOLE_BYTES ? size : put_json(p, id, version, size, NULL);
}

void payload_write(const struct payloads *p, uint64_t id, uint32_t version, uint8_t *ret)
{
    const uint32_t size = plain_size(id, version);
    if (whole_of(p, id, version) == WHOLE_BYTES)
        put_bytes(id, version, size, ret);
    else
        (void)put_json(p, id, version, size, ret);
}
