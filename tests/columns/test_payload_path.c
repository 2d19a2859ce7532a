/* test_payload_path.c -- fields out of payloads: the meaning of each kind of path, then random
 * documents against the trees that Jansson reads. */
#include "columns/column.h"
#include "columns/payload_path.h"

#include "failing_memory.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVERYTHING  ((1u << VALUE_BOOL) | (1u << VALUE_INTEGER) | (1u << VALUE_FLOAT) | (1u << VALUE_STRING))
#define FIELD(path) (&(struct payload_field){path, EVERYTHING})

/* Writes the values that were read as text: "5 true 2.5 'x' null empty". */
static void describe(const struct field_values *v, char *to)
{
    to += sprintf(to, "%s%s", v->is_empty ? "empty " : "", v->has_null ? "null " : "");
    for (uint32_t i = 0; i < v->count; i++) {
        const struct value *x = &v->items[i];
        if (x->type == VALUE_INTEGER)
            to += sprintf(to, "%" PRId64 " ", x->integer);
        else if (x->type == VALUE_FLOAT)
            to += sprintf(to, "%g ", x->number);
        else if (x->type == VALUE_BOOL)
            to += sprintf(to, "%s ", x->boolean ? "true" : "false");
        else
            to += sprintf(to, "'%.*s' ", (int)x->string.size, x->string.bytes);
    }
    *to = 0;
}

static const struct {
    const char *payload, *path, *expected;
} cases[] = {
    {"{\"a\":5}", "a", "5 "},
    {" { \"b\" : 1 , \"a\" : -7 } ", "a", "-7 "},
    {"{\"a\":{\"b\":{\"c\":3}}}", "a.b.c", "3 "},
    {"{\"a\":{\"b\":3}}", "a", ""},
    {"{\"a\":{}}", "a", ""},
    {"{\"a\":3}", "a.b", "empty "},
    {"{\"b\":3}", "a", "empty "},
    {"{}", "a", "empty "},
    {"", "a", "empty "},
    {"[1]", "a", "empty "},
    {"{\"a\":5", "a", "empty "},
    {"{\"a\":5} x", "a", "empty "},
    {"\x01\x02", "a", "empty "},
    {"{\"a\":null}", "a", "empty null "},
    {"{\"a\":[]}", "a", "empty "},
    {"{\"a\":[null]}", "a", "null "},
    {"{\"a\":[1,null,2]}", "a", "null 1 2 "},
    {"{\"a\":[1,[2],{\"b\":3},4]}", "a", "1 4 "},
    {"{\"a\":[1,2]}", "a[]", "1 2 "},
    {"{\"a\":7}", "a[]", "empty "},
    {"{\"a\":[{\"b\":1},{\"b\":[2,3]},{\"c\":4},5]}", "a[].b", "1 2 3 "},
    {"{\"a\":[{\"b\":1}]}", "a.b", "empty "},
    {"{\"a\":[{\"b\":null},{\"b\":[]}]}", "a[].b", "empty null "},
    {"{\"a\":1,\"a\":2}", "a", "2 "},
    {"{\"\\u0061b\":1}", "ab", "1 "},
    {"{\"\\ud83d\\ude00\":1}", "\xf0\x9f\x98\x80", "1 "},
    {"{\"a\":\"x\\n\\u00e4\\\"\"}", "a", "'x\n\xc3\xa4\"' "},
    {"{\"a\":\"\\ud800x\"}", "a", "'\xef\xbf\xbdx' "},
    {"{\"a\":[\"\\t\",\"b\",\"\\u0041\"]}", "a", "'\t' 'b' 'A' "},
    {"{\"a\":[1.5,true,false]}", "a", "1.5 true false "},
    {"{\"a\":2.0}", "a", "2 "},
    {"{\"a\":[9223372036854775807,-9223372036854775808]}", "a", "9223372036854775807 -9223372036854775808 "},
    {"{\"a\":9223372036854775808}", "a", "9.22337e+18 "},
    {"{\"a\":1e999}", "a", "inf "},
};

Test(payload_path, each_path_leads_where_it_says)
{
    struct payload_reader r = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct field_values v;
        char text[256];
        const size_t size = strlen(cases[i].payload);
        /* in an allocation of its size, so that a sanitizer sees a read beyond its end */
        char *payload = malloc(size ? size : 1);
        memcpy(payload, cases[i].payload, size);
        cr_assert_eq(payload_read(&r, FIELD(cases[i].path), payload, size, &v), 0);
        describe(&v, text);
        cr_expect_str_eq(text, cases[i].expected, "%s of %s: '%s'", cases[i].path, cases[i].payload, text);
        free(payload);
    }
    payload_reader_fini(&r);
}

Test(payload_path, only_values_of_the_types_that_are_asked_for_are_read)
{
    static const char payload[] = "{\"a\":[1,2.5,true,\"x\",{ \"b\":1 },null,[3]]}";
    static const struct {
        uint32_t takes;
        const char *expected;
    } asked[] = {
        {0, "null "},
        {1 << VALUE_INTEGER, "null 1 "},
        {1 << VALUE_FLOAT, "null 2.5 "},
        {1 << VALUE_BOOL | 1 << VALUE_STRING, "null true 'x' "},
        {1 << VALUE_OBJECT, "null '{ \"b\":1 }' "},
    };
    struct payload_reader r = {0};
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        const struct payload_field field = {"a", asked[i].takes};
        struct field_values v;
        char text[256];
        cr_assert_eq(payload_read(&r, &field, payload, strlen(payload), &v), 0);
        describe(&v, text);
        cr_expect_str_eq(text, asked[i].expected);
    }
    payload_reader_fini(&r);
}

Test(payload_path, two_is_an_integer_and_two_point_nought_is_not)
{
    struct payload_reader r = {0};
    struct field_values v;
    cr_assert_eq(payload_read(&r, FIELD("a"), "{\"a\":[2,2.0,2e0]}", 17, &v), 0);
    cr_assert_eq(v.count, 3);
    cr_assert(v.items[0].type == VALUE_INTEGER && v.items[1].type == VALUE_FLOAT && v.items[2].type == VALUE_FLOAT);
    payload_reader_fini(&r);
}

/* -- long payloads -- */

#define LONG ((size_t)2 << 20)

struct pauses {
    unsigned count, stop_at; /* the call that returns -ECANCELED; 0: none */
};

static int count_pause(void *arg)
{
    struct pauses *p = arg;
    return ++p->count == p->stop_at ? -ECANCELED : 0;
}

/* {"pad":"xx...","a":[{"b":7}]}, of LONG bytes; pad: what "xx..." is made of */
static char *long_payload(char pad)
{
    static const char begin[] = "{\"pad\":[1,2,\"\", \"", end[] = "\"],\"a\":[{\"b\":7}]}";
    const size_t begins = sizeof(begin) - 1, ends = sizeof(end) - 1;
    char *payload = malloc(LONG);
    memset(payload, pad, LONG);
    memcpy(payload, begin, begins);
    memcpy(payload + LONG - ends, end, ends);
    if (pad == ' ') { /* no string, but space before a number */
        payload[begins - 1] = ' ';
        payload[LONG - ends] = '8';
    }
    return payload;
}

Test(payload_path, long_payloads_are_read_with_pauses_of_16_kib)
{
    for (unsigned i = 0; i < 2; i++) {
        char *payload = long_payload("x "[i]);
        struct pauses pauses = {0};
        const struct pause pause = {count_pause, &pauses};
        struct payload_reader r = {.pause = &pause};
        struct field_values v;
        cr_assert_eq(payload_read(&r, FIELD("a[].b"), payload, LONG, &v), 0);
        cr_assert(v.count == 1 && v.items[0].integer == 7);
        cr_assert_geq(pauses.count, (LONG >> 14) - 1);
        cr_assert_leq(pauses.count, (LONG >> 14) + 1);
        free(payload);
        payload_reader_fini(&r);
    }
}

Test(payload_path, short_payloads_are_read_without_a_pause)
{
    struct pauses pauses = {0};
    const struct pause pause = {count_pause, &pauses};
    struct payload_reader r = {.pause = &pause};
    struct field_values v;
    char payload[4096];
    memset(payload, ' ', sizeof(payload));
    memcpy(payload, "{\"a\":[1,2]}", 11);
    cr_assert_eq(payload_read(&r, FIELD("a"), payload, sizeof(payload), &v), 0);
    cr_assert_eq(pauses.count, 0);
    payload_reader_fini(&r);
}

/* {"a":[{"b":[0,1,2,...]}]} */
static char *many_values(unsigned count, size_t *ret_size)
{
    char *text = malloc((size_t)count * 8 + 64), *at = text;
    at += sprintf(at, "{\"a\":[{\"b\":[");
    for (unsigned i = 0; i < count; i++)
        at += sprintf(at, "%s%u", i ? "," : "", i);
    at += sprintf(at, "]}]}");
    *ret_size = (size_t)(at - text);
    return text;
}

static int count_values(void *arg, size_t i, const struct field_values *v)
{
    ++*(unsigned *)arg;
    cr_assert_eq(v->count, i == 0 ? PAYLOAD_VALUES_MAX : 0);
    return 0;
}

Test(payload_path, a_scan_stops_at_whatever_pause_says_so)
{
    size_t size;
    char *payload = many_values(PAYLOAD_VALUES_MAX, &size);
    for (unsigned stop_at = 1;; stop_at++) {
        struct pauses pauses = {.stop_at = stop_at};
        const struct pause pause = {count_pause, &pauses};
        struct payload_reader r = {.pause = &pause};
        struct field_values v;
        const int rc = payload_read(&r, FIELD("a[].b"), payload, size, &v);
        cr_assert_eq(rc, pauses.count >= stop_at ? -ECANCELED : 0, "pause %u", stop_at);
        /* at once: nothing is read behind the pause */
        cr_assert_leq(pauses.count, stop_at);
        if (rc == 0)
            cr_assert_eq(v.count, PAYLOAD_VALUES_MAX);
        payload_reader_fini(&r);
        if (rc == 0)
            break;
    }
    free(payload);
}

static uint64_t wanted;
static bool has_wanted(const struct predicate *p, const struct field_values *v)
{
    for (uint32_t i = 0; i < v->count; i++)
        if (v->items[i].type == VALUE_INTEGER && v->items[i].integer == (int64_t)wanted)
            return true;
    return p->op == PREDICATE_NULL ? v->has_null : p->op == PREDICATE_EMPTY && v->is_empty;
}
static const struct column_kind finds_wanted = {.name = "finds", .takes = EVERYTHING, .passes = has_wanted};

Test(payload_path, a_field_of_too_many_values_has_no_column_and_can_be_tested)
{
    size_t size;
    char *payload = many_values(PAYLOAD_VALUES_MAX + 1, &size);
    const struct payload_field both[] = {{"a[].b", EVERYTHING}, {"a.c", EVERYTHING}};
    struct predicate p = {.op = PREDICATE_EQ, .kind = &finds_wanted, .path = "a[].b"};
    struct payload_reader r = {0};
    struct field_values v;
    unsigned calls = 0;
    cr_assert_eq(payload_read(&r, FIELD("a[].b"), payload, size, &v), -EOVERFLOW);
    const uint64_t there[] = {0, 255, 256, 257, PAYLOAD_VALUES_MAX - 1, PAYLOAD_VALUES_MAX};
    for (size_t i = 0; i < ARRAY_LEN(there); i++) {
        wanted = there[i];
        cr_assert_eq(payload_passes(&r, &p, payload, size), 1, "%zu", i);
    }
    wanted = PAYLOAD_VALUES_MAX + 1;
    cr_assert_eq(payload_passes(&r, &p, payload, size), 0);
    p.op = PREDICATE_EMPTY;
    cr_assert_eq(payload_passes(&r, &p, payload, size), 0);
    p.op = PREDICATE_NULL;
    cr_assert_eq(payload_passes(&r, &p, payload, size), 0);
    /* the other field is still read */
    cr_assert_eq(payload_read_all(&r, both, 2, payload, size, count_values, &calls), 0);
    cr_assert_eq(calls, 1);
    free(payload);

    payload = many_values(PAYLOAD_VALUES_MAX, &size);
    cr_assert_eq(payload_read_all(&r, both, 2, payload, size, count_values, &calls), 0);
    cr_assert_eq(calls, 3);
    free(payload);
    payload_reader_fini(&r);
}

Test(payload_path, a_null_behind_many_values_is_seen)
{
    size_t size;
    char *payload = many_values(1000, &size);
    struct predicate p = {.op = PREDICATE_NULL, .kind = &finds_wanted, .path = "a[].b"};
    struct payload_reader r = {0};
    wanted = UINT64_MAX;
    cr_assert_eq(payload_passes(&r, &p, payload, size), 0);
    memcpy(payload + size - 4, ",null]}]}", 10);
    cr_assert_eq(payload_passes(&r, &p, payload, size + 5), 1);
    free(payload);
    payload_reader_fini(&r);
}

/* -- against Jansson -- */

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 33) % below);
}

static json_t *draw_tree(uint64_t *state, int depth)
{
    static const char *const keys[] = {"a", "b", "c"};
    json_t *t;
    switch (draw(state, depth > 0 ? 8 : 5)) {
    case 0: return json_null();
    case 1: return json_string(draw(state, 2) ? "x\"\\y" : "");
    case 2: return json_boolean(draw(state, 2));
    case 3: return json_real(draw(state, 9) / 4.0 + 0.125);
    case 4: return json_integer((json_int_t)draw(state, 9) - 4);
    case 5:
        t = json_array();
        for (uint32_t i = draw(state, 4); i > 0; i--)
            json_array_append_new(t, draw_tree(state, depth - 1));
        return t;
    default:
        t = json_object();
        for (uint32_t i = draw(state, 5); i > 0; i--)
            json_object_set_new(t, keys[draw(state, 3)], draw_tree(state, depth - 1));
        return t;
    }
}

struct described {
    char scalars[4096];
    bool has_null, is_empty;
};

static void describe_scalar(json_t *t, struct described *d)
{
    char *to = d->scalars + strlen(d->scalars);
    d->has_null |= json_is_null(t);
    if (json_is_integer(t))
        sprintf(to, "%" PRId64 " ", (int64_t)json_integer_value(t));
    else if (json_is_real(t))
        sprintf(to, "%g ", json_real_value(t));
    else if (json_is_boolean(t))
        sprintf(to, "%s ", json_is_true(t) ? "true" : "false");
    else if (json_is_string(t))
        sprintf(to, "'%s' ", json_string_value(t));
}

static void follow(json_t *t, const char *path, struct described *d)
{
    char key[16];
    json_t *element;
    size_t i;
    const size_t n = strcspn(path, ".");
    const bool each = n > 2 && path[n - 1] == ']', last = path[n] == 0;
    memcpy(key, path, n);
    key[each ? n - 2 : n] = 0;
    t = json_object_get(t, key);
    if (!t || (each && !json_is_array(t)))
        return;
    if (!last && each) {
        json_array_foreach(t, i, element) follow(element, path + n + 1, d);
    } else if (!last) {
        follow(t, path + n + 1, d);
    } else if (json_is_array(t)) {
        d->is_empty &= json_array_size(t) == 0;
        json_array_foreach(t, i, element) describe_scalar(element, d);
    } else {
        d->is_empty &= json_is_null(t);
        describe_scalar(t, d);
    }
}

static const struct payload_field fields[] = {{"a", EVERYTHING},     {"b.a", EVERYTHING},       {"c[]", EVERYTHING},
                                              {"a[].b", EVERYTHING}, {"a[].b[].c", EVERYTHING}, {"b.c.a", EVERYTHING}};

static int compare_field(void *arg, size_t i, const struct field_values *v)
{
    static struct described d;
    static char text[4200], expected[4200];
    d = (struct described){.is_empty = true};
    follow(arg, fields[i].path, &d);
    describe(v, text);
    sprintf(expected, "%s%s%s", d.is_empty ? "empty " : "", d.has_null ? "null " : "", d.scalars);
    cr_assert_str_eq(text, expected, "%s", fields[i].path);
    return 0;
}

Test(payload_path, random_documents_are_read_as_jansson_reads_them)
{
    struct payload_reader r = {0};
    uint64_t state = 77;
    for (int round = 0; round < 20000; round++) {
        json_t *t = json_object();
        json_object_set_new(t, "a", draw_tree(&state, 4));
        json_object_set_new(t, "b", draw_tree(&state, 4));
        json_object_set_new(t, "c", draw_tree(&state, 2));
        char *text = json_dumps(t, round % 2 ? JSON_INDENT(1) : JSON_COMPACT);
        cr_assert_eq(payload_read_all(&r, fields, ARRAY_LEN(fields), text, strlen(text), compare_field, t), 0);
        free(text);
        json_decref(t);
    }
    payload_reader_fini(&r);
}

Test(payload_path, without_memory_nothing_breaks)
{
    static const char text[] = "{\"a\":[1,2,3,4,5,6,7,8,9,\"\\n\"]}";
    for (unsigned n = 1;; n++) {
        struct payload_reader r = {0};
        struct field_values v;
        memory_fail_at(n);
        const int rc = payload_read(&r, FIELD("a"), text, strlen(text), &v);
        const bool failed = memory_has_failed();
        memory_fail_at(0);
        cr_assert_eq(rc, failed ? -ENOMEM : 0, "allocation %u", n);
        payload_reader_fini(&r);
        if (!failed)
            break;
    }
}
