/* payload_path.c -- one pass over the text finds the first key of every path. The rest of each path
 * is looked for only in the value of that key. */
#include "columns/payload_path.h"
#include "base/text/json_scan.h"
#include "columns/column.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX     128 /* bytes of a number; a longer one is no value */
#define FIELDS_AT_ONCE 16
#define VALUES_AT_ONCE 256 /* values that a predicate tests in one call */

/* One field of one payload that is read. */
struct reading {
    struct payload_reader *r;
    uint32_t takes;
    struct field_values v;
    const struct predicate *p; /* tests the values as they come; NULL: all are kept */
};

void payload_reader_fini(struct payload_reader *r)
{
    free(r->items);
    free(r->text);
    *r = (struct payload_reader){0};
}

/* -- strings -- */

static unsigned hex4(const char *at)
{
    unsigned n = 0;
    for (int i = 0; i < 4; i++)
        n = n * 16 + (unsigned)(at[i] <= '9' ? at[i] - '0' : (at[i] | 0x20) - 'a' + 10);
    return n;
}

static size_t put_utf8(char *to, unsigned c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        to[i] = (char)(0x80 | (c & 0x3f));
    to[0] = (char)(first[n] | c);
    return n;
}

/* Decodes the \u escape at *at, and moves *at behind it. Half of a surrogate pair becomes
 * U+FFFD. */
static unsigned unicode(const char **at, const char *end)
{
    unsigned c = hex4(*at + 2);
    *at += 6;
    if (c < 0xd800 || c > 0xdfff)
        return c;
    if (c > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
        return 0xfffd;
    const unsigned low = hex4(*at + 2);
    if (low < 0xdc00 || low > 0xdfff)
        return 0xfffd;
    *at += 6;
    return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

/* Decodes the text between the quotes of a valid JSON string. Returns the size, which is
 * never larger than before. */
static size_t decode(const char *from, size_t size, char *to)
{
    static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *const end = from + size;
    size_t n = 0;
    while (from < end) {
        if (*from != '\\') {
            to[n++] = *from++;
        } else if (from[1] == 'u') {
            n += put_utf8(to + n, unicode(&from, end));
        } else {
            to[n++] = meant[strchr(plain, from[1]) - plain];
            from += 2;
        }
    }
    return n;
}

/* Whether the quoted key is `key`. */
static bool is_key(struct json_slice quoted, const char *key, size_t size)
{
    char decoded[FIELD_PATH_MAX];
    const char *text = quoted.text + 1;
    size_t n = quoted.size - 2;
    if (memchr(text, '\\', n)) {
        /* an escape takes at most six times the bytes that it stands for */
        if (n > 6 * sizeof(decoded))
            return false;
        char wide[6 * FIELD_PATH_MAX];
        n = decode(text, n, wide);
        if (n > sizeof(decoded))
            return false;
        text = memcpy(decoded, wide, n);
    }
    return n == size && memcmp(text, key, size) == 0;
}

/* -- values -- */

static bool passes(const struct reading *x)
{
    return x->p->kind->passes(x->p, &x->v);
}

/* 1: a value passed, and no more are needed; 0; -ENOMEM; -EOVERFLOW. */
static int add_item(struct reading *x, struct value item)
{
    struct payload_reader *r = x->r;
    if (x->v.count == (x->p ? VALUES_AT_ONCE : PAYLOAD_VALUES_MAX)) {
        if (!x->p)
            return -EOVERFLOW;
        if (passes(x))
            return 1;
        x->v.count = 0;
        r->text_size = 0;
    }
    if (x->v.count == r->capacity) {
        const uint32_t capacity = r->capacity ? 2 * r->capacity : 8;
        struct value *grown = realloc(r->items, capacity * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        x->v.items = r->items = grown;
        r->capacity = capacity;
    }
    r->items[x->v.count++] = item;
    return 0;
}

/* Makes room for all strings before the first is decoded, because values point into it. */
static int reserve_text(struct payload_reader *r, size_t size)
{
    if (size <= r->text_capacity)
        return 0;
    free(r->text);
    r->text = malloc(size);
    r->text_capacity = r->text ? size : 0;
    return r->text ? 0 : -ENOMEM;
}

static struct value string_value(struct payload_reader *r, struct json_slice s)
{
    const char *text = s.text + 1;
    size_t n = s.size - 2;
    if (memchr(text, '\\', n)) {
        char *to = r->text + r->text_size;
        n = decode(text, n, to);
        text = to;
        r->text_size += n;
    }
    return (struct value){VALUE_STRING, .string = {text, n}};
}

/* False: the number is no value. */
static bool number_value(struct json_slice s, struct value *ret)
{
    char text[NUMBER_MAX + 1];
    if (s.size > NUMBER_MAX)
        return false;
    memcpy(text, s.text, s.size);
    text[s.size] = 0;
    if (!strpbrk(text, ".eE")) {
        errno = 0;
        const long long n = strtoll(text, NULL, 10);
        if (errno == 0) {
            *ret = (struct value){VALUE_INTEGER, .integer = n};
            return true;
        }
    }
    *ret = (struct value){VALUE_FLOAT, .number = strtod(text, NULL)};
    return true;
}

/* The type of a value by its first character, but for numbers and arrays: those are told apart
 * later, and arrays in arrays are no items. */
static enum value_type type_of(char first)
{
    switch (first) {
    case 't':
    case 'f': return VALUE_BOOL;
    case '"': return VALUE_STRING;
    case '{': return VALUE_OBJECT;
    case 'n':
    case '[': return VALUE_NULL;
    default: return VALUE_FLOAT;
    }
}

static void scan_begin(const struct reading *x, struct json_scan *s, struct json_slice text)
{
    json_scan_begin(s, text.text, text.size);
    json_scan_set_pause(s, x->r->pause);
}

/* One value, if it is of a type that is taken. */
static int take_item(struct reading *x, struct json_slice s)
{
    struct value item = {.type = type_of(s.text[0])};
    x->v.has_null |= s.text[0] == 'n';
    if (item.type == VALUE_NULL || (item.type == VALUE_FLOAT && !number_value(s, &item)) ||
        !(x->takes & 1u << item.type))
        return 0;
    if (item.type == VALUE_BOOL)
        item.boolean = s.text[0] == 't';
    else if (item.type == VALUE_STRING)
        item = string_value(x->r, s);
    else if (item.type == VALUE_OBJECT) {
        item.string.bytes = s.text;
        item.string.size = s.size;
    }
    return add_item(x, item);
}

/* Takes the value at the end of a path: a scalar, or the elements of an array. */
static int take_value(struct reading *x, struct json_slice s)
{
    struct json_scan scan;
    struct json_slice element;
    if (s.text[0] != '[') {
        x->v.is_empty = x->v.is_empty && s.text[0] == 'n';
        return take_item(x, s);
    }
    scan_begin(x, &scan, s);
    if (!json_scan_open(&scan, '['))
        return 0;
    int rc = 0;
    for (bool first = true; rc == 0 && json_scan_element(&scan, first, &element) > 0; first = false) {
        x->v.is_empty = false;
        rc = take_item(x, element);
    }
    return scan.stopped ? scan.stopped : rc;
}

/* -- paths -- */

/* One step of a path: its key, whether [] follows, and the rest of the path. */
struct step {
    const char *key, *rest; /* rest: NULL at the end */
    size_t size;
    bool each;
};

static struct step first_step(const char *path)
{
    const char *dot = strchr(path, '.');
    struct step s = {.key = path, .size = dot ? (size_t)(dot - path) : strlen(path), .rest = dot ? dot + 1 : NULL};
    s.each = s.size > 2 && memcmp(path + s.size - 2, "[]", 2) == 0;
    s.size -= s.each ? 2 : 0;
    return s;
}

/* Finds the value of a key of an object; text NULL: there is none. The text is valid JSON. 0, or
 * what the pause returned. */
static int find_key(const struct reading *x, struct json_slice object, const struct step *step, struct json_slice *ret)
{
    struct json_scan scan;
    struct json_slice key, value;
    *ret = (struct json_slice){0};
    scan_begin(x, &scan, object);
    if (object.text[0] != '{' || !json_scan_open(&scan, '{'))
        return 0;
    for (bool first = true; json_scan_member(&scan, first, &key, &value) > 0; first = false)
        if (is_key(key, step->key, step->size))
            *ret = value;
    return scan.stopped;
}

static int walk(struct reading *x, struct json_slice at, const struct step *step);

static int walk_key(struct reading *x, struct json_slice object, const struct step *step)
{
    struct json_slice value;
    const int rc = find_key(x, object, step, &value);
    return rc == 0 && value.text ? walk(x, value, step) : rc;
}

/* Follows the rest of a path from the value of its first steps. The recursion is as deep as the
 * path, which is short. */
static int walk(struct reading *x, struct json_slice at, const struct step *step)
{
    struct json_scan scan;
    struct json_slice element;
    if (!step->rest)
        return step->each && at.text[0] != '[' ? 0 : take_value(x, at);
    const struct step next = first_step(step->rest);
    if (!step->each)
        return walk_key(x, at, &next);
    scan_begin(x, &scan, at);
    if (at.text[0] != '[' || !json_scan_open(&scan, '['))
        return 0;
    int rc = 0;
    for (bool first = true; rc == 0 && json_scan_element(&scan, first, &element) > 0; first = false)
        rc = walk_key(x, element, &next);
    return scan.stopped ? scan.stopped : rc;
}

/* Finds the value of the first key of each path. All are missing when the
 * payload is no JSON object. 0, or what the pause returned. */
static int find_first(const struct payload_reader *r, const struct step *steps, size_t count, const void *payload,
                      size_t size, struct json_slice *ret)
{
    struct json_scan scan;
    struct json_slice key, value;
    memset(ret, 0, count * sizeof(*ret));
    json_scan_begin(&scan, payload, size);
    json_scan_set_pause(&scan, r->pause);
    int rc = json_scan_open(&scan, '{') ? 1 : -1;
    for (bool first = true; rc > 0; first = false) {
        rc = json_scan_member(&scan, first, &key, &value);
        for (size_t i = 0; rc > 0 && i < count; i++)
            if (is_key(key, steps[i].key, steps[i].size))
                ret[i] = value;
    }
    if (rc < 0 || !json_scan_end(&scan))
        memset(ret, 0, count * sizeof(*ret));
    return scan.stopped;
}

static int read_field(struct reading *x, struct json_slice at, const struct step *step)
{
    struct payload_reader *r = x->r;
    x->v = (struct field_values){.items = r->items, .is_empty = true};
    r->text_size = 0;
    if (!at.text)
        return 0;
    const int rc = x->takes & 1u << VALUE_STRING ? reserve_text(r, at.size) : 0;
    return rc == 0 ? walk(x, at, step) : rc;
}

int payload_read(struct payload_reader *r, const struct payload_field *field, const void *payload, size_t size,
                 struct field_values *ret)
{
    struct json_slice at;
    struct reading x = {.r = r, .takes = field->takes};
    const struct step step = first_step(field->path);
    int rc = find_first(r, &step, 1, payload, size, &at);
    if (rc == 0)
        rc = read_field(&x, at, &step);
    *ret = x.v;
    return rc;
}

int payload_passes(struct payload_reader *r, const struct predicate *p, const void *payload, size_t size)
{
    struct json_slice at;
    struct reading x = {.r = r, .takes = p->kind->takes, .p = p};
    const struct step step = first_step(p->path);
    int rc = find_first(r, &step, 1, payload, size, &at);
    if (rc == 0)
        rc = read_field(&x, at, &step);
    return rc == 0 ? passes(&x) : rc;
}

int payload_read_all(struct payload_reader *r, const struct payload_field *fields, size_t count, const void *payload,
                     size_t size, int (*each)(void *arg, size_t i, const struct field_values *v), void *arg)
{
    struct step steps[FIELDS_AT_ONCE];
    struct json_slice at[FIELDS_AT_ONCE];
    int rc = 0;
    for (size_t from = 0; rc == 0 && from < count; from += FIELDS_AT_ONCE) {
        const size_t n = count - from < FIELDS_AT_ONCE ? count - from : FIELDS_AT_ONCE;
        for (size_t i = 0; i < n; i++)
            steps[i] = first_step(fields[from + i].path);
        rc = find_first(r, steps, n, payload, size, at);
        for (size_t i = 0; rc == 0 && i < n; i++) {
            struct reading x = {.r = r, .takes = fields[from + i].takes};
            rc = read_field(&x, at[i], &steps[i]);
            if (rc == 0)
                rc = each(arg, from + i, &x.v);
            else if (rc == -EOVERFLOW)
                rc = 0;
        }
    }
    return rc;
}
