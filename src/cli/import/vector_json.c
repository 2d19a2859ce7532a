/* vector_json.c -- scans a line without building a tree: the payload is kept as it is written, and
 * the numbers of the vector are read in place. A tree of Jansson's would change the digits of the
 * payload, refuse large numbers and escaped zeros, and lose the order of keys. */
#include "cli/import/vector_format.h"

#include "base/point_id.h"
#include "base/text/json_scan.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The members of a line; text is NULL for missing ones. */
struct members {
    struct json_slice id, vector, payload;
    struct json_slice unknown; /* the first unknown key, as it is written */
};

#define KEY_BYTES_MAX 64

/* Copies a key or an id without its quotes and escapes. False: it is too long to be a known one. */
static bool unquote(struct json_slice quoted, char text[KEY_BYTES_MAX])
{
    text[0] = 0;
    if (!memchr(quoted.text, '\\', quoted.size)) {
        size_t n = quoted.size - 2;
        if (n >= KEY_BYTES_MAX)
            return false;
        memcpy(text, quoted.text + 1, n);
        text[n] = 0;
        return true;
    }
    /* NULL for a string with an escaped 0 */
    json_t *string = json_loadb(quoted.text, quoted.size, JSON_DECODE_ANY, NULL);
    bool fits = string && json_string_length(string) < KEY_BYTES_MAX;
    if (fits)
        strcpy(text, json_string_value(string));
    json_decref(string);
    return fits;
}

/* The place for a member of that name; NULL: an unknown name. */
static struct json_slice *member_named(struct members *m, struct json_slice key)
{
    char text[KEY_BYTES_MAX];
    if (!unquote(key, text))
        return NULL;
    return strcmp(text, "id") == 0        ? &m->id
           : strcmp(text, "vector") == 0  ? &m->vector
           : strcmp(text, "payload") == 0 ? &m->payload
                                          : NULL;
}

/* False: the line is not a JSON object; s has the reason. */
static bool line_scan(struct json_scan *s, const struct vector_file *f, struct members *ret)
{
    struct json_slice key, value, all, *to;
    *ret = (struct members){0};
    json_scan_begin(s, (const char *)f->line.bytes, f->line.size);
    if (!json_scan_value(s, &all) || !json_scan_end(s))
        return false;
    json_scan_begin(s, all.text, all.size);
    int rc = json_scan_open(s, '{') ? 1 : -1;
    for (bool first = true; rc > 0; first = false) {
        rc = json_scan_member(s, first, &key, &value);
        if (rc <= 0)
            continue;
        to = member_named(ret, key);
        if (!to) {
            ret->unknown = ret->unknown.text ? ret->unknown : key;
            continue;
        }
        if (to->text) {
            s->problem = "a second \"id\", \"vector\" or \"payload\"";
            return false;
        }
        *to = value;
    }
    return rc == 0;
}

uint32_t vector_json_dim(const struct vector_file *f)
{
    struct json_scan s;
    struct json_slice element;
    struct members m;
    uint32_t n = 0;
    if (!line_scan(&s, f, &m) || !m.vector.text)
        return 0;
    json_scan_begin(&s, m.vector.text, m.vector.size);
    int rc = json_scan_open(&s, '[') ? 1 : -1;
    for (bool first = true; rc > 0 && n <= VECTOR_DIM_MAX; first = false) {
        rc = json_scan_element(&s, first, &element);
        n += rc > 0;
    }
    return rc == 0 ? n : 0;
}

/* NULL when *ret is set, otherwise the reason why not. */
static const char *id_of(struct json_slice id, struct kith_id *ret)
{
    static const char wrong[] = "its \"id\" is neither a number nor a UUID (numbers go from 0 to 2^64 - 1)";
    char text[KEY_BYTES_MAX] = "";
    struct point_id parsed;
    if (!id.text)
        return "it has no \"id\"";
    if (id.text[0] == '-')
        return "its \"id\" is negative";
    if (id.text[0] == '"' ? !unquote(id, text) : id.size >= sizeof(text))
        return wrong;
    if (id.text[0] != '"')
        memcpy(text, id.text, id.size);
    if (point_id_parse(text, &parsed) < 0)
        return wrong;
    *ret = (struct kith_id){parsed.hi, parsed.lo};
    return NULL;
}

static bool is_number(struct json_slice value)
{
    return value.text[0] == '-' || (value.text[0] >= '0' && value.text[0] <= '9');
}

/* Reads the vector of a row. 1: it is valid; 0: the row was rejected. */
static int vector_of(struct vector_file *f, struct json_slice vector, struct error *e)
{
    struct json_scan s;
    struct json_slice x;
    size_t n = 0;
    if (!vector.text || vector.text[0] != '[')
        return vector_file_reject(f, e, "it has no \"vector\" that is an array");
    float *to = f->vectors + f->count * f->dim;
    json_scan_begin(&s, vector.text, vector.size);
    json_scan_open(&s, '[');
    for (; json_scan_element(&s, n == 0, &x) > 0; n++) {
        if (n >= f->dim)
            continue;
        if (!is_number(x))
            return vector_file_reject(f, e, "element %zu of its vector is not a number", n);
        /* strtod() stops at the end of the number, since the line ends with 0 */
        to[n] = (float)strtod(x.text, NULL);
        if (!isfinite(to[n]))
            return vector_file_reject(f, e, "element %zu of its vector does not fit a 32-bit float", n);
    }
    if (n != f->dim)
        return vector_file_reject(f, e, "its vector has %zu number%s instead of %u", n, plural(n), f->dim);
    return 1;
}

static int payload_of(struct vector_file *f, struct json_slice payload, struct error *e)
{
    bool none = !payload.text || payload.text[0] == 'n'; /* null counts as no payload */
    f->payloads[f->count] = "";
    f->payload_sizes[f->count] = 0;
    if (none)
        return 1;
    char *copy = arena_copy(&f->texts, payload.text, payload.size);
    if (!copy)
        return error_set(e, ERROR_RESOURCE_EXHAUSTED, "no memory for a payload of %s", f->path);
    f->payloads[f->count] = copy;
    f->payload_sizes[f->count] = (uint32_t)payload.size;
    f->any_payload = true;
    return 1;
}

/* Rejects a row with an unknown key. It may be misspelt or belong into the payload, and would be
 * lost. */
static int reject_unknown(struct vector_file *f, struct json_slice key, struct error *e)
{
    if (key.size > KEY_BYTES_MAX)
        return vector_file_reject(f, e, "it has a key of %zu bytes; the keys of a row are id, vector and payload",
                                  key.size);
    return vector_file_reject(f, e, "it has the key %.*s; the keys of a row are id, vector and payload", (int)key.size,
                              key.text);
}

int vector_json_row(struct vector_file *f, struct error *e)
{
    struct json_scan s;
    struct members m;
    if (!line_scan(&s, f, &m))
        return vector_file_reject(f, e, "bad JSON at column %zu: %s", s.at + 1, s.problem);
    if (m.unknown.text)
        return reject_unknown(f, m.unknown, e);
    const char *why = id_of(m.id, &f->ids[f->count]);
    if (why)
        return vector_file_reject(f, e, "%s", why);
    int rc = vector_of(f, m.vector, e);
    if (rc == 1)
        rc = payload_of(f, m.payload, e);
    if (rc == 1)
        vector_file_accept(f);
    return rc < 0 ? rc : 0;
}
