/* json_scan.c -- scans values without recursion, with one bit for each open bracket, because it
 * runs on the small stacks of fibers. */
#include "base/text/json_scan.h"
#include "base/bits.h"
#include "base/text/utf8.h"

#include <string.h>

#define BYTES_PER_PAUSE ((size_t)16 << 10)

static bool fail(struct json_scan *s, const char *problem)
{
    s->problem = problem;
    return false;
}

static size_t next_limit(const struct json_scan *s)
{
    return s->in.size - s->at > BYTES_PER_PAUSE ? s->at + BYTES_PER_PAUSE : s->in.size;
}

/* Pauses in the middle of the text, and sets the next limit. False: the text ends here. */
static bool pause_at_limit(struct json_scan *s)
{
    if (s->at >= s->in.size)
        return false;
    s->stopped = pause_here(s->pause);
    if (s->stopped)
        s->in.size = s->at;
    s->limit = next_limit(s);
    return s->at < s->limit;
}

static inline bool has_more(struct json_scan *s)
{
    return s->at < s->limit || pause_at_limit(s);
}

/* The next byte, or 0 at the end. A byte 0 is not allowed anywhere in JSON. */
static char peek(struct json_scan *s)
{
    return has_more(s) ? s->in.text[s->at] : 0;
}

static void skip_space(struct json_scan *s)
{
    while (has_more(s) && memchr(" \t\r\n", s->in.text[s->at], 4))
        s->at++;
}

static bool take(struct json_scan *s, char c)
{
    if (peek(s) != c)
        return false;
    s->at++;
    return true;
}

static bool literal(struct json_scan *s, const char *word)
{
    for (; *word; word++)
        if (!take(s, *word))
            return fail(s, "neither true, false nor null");
    return true;
}

static size_t digits(struct json_scan *s)
{
    size_t from = s->at;
    while (peek(s) >= '0' && peek(s) <= '9')
        s->at++;
    return s->at - from;
}

static bool number(struct json_scan *s)
{
    take(s, '-');
    bool zero = peek(s) == '0';
    size_t whole = digits(s);
    if (whole == 0)
        return fail(s, "a digit is missing");
    if (zero && whole > 1)
        return fail(s, "a number begins with 0");
    if (take(s, '.') && digits(s) == 0)
        return fail(s, "a digit is missing behind the point");
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '-'))
            take(s, '+');
        if (digits(s) == 0)
            return fail(s, "a digit is missing in the exponent");
    }
    return true;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool escape(struct json_scan *s)
{
    if (take(s, 'u')) {
        for (int i = 0; i < 4; i++, s->at++)
            if (!is_hex(peek(s)))
                return fail(s, "\\u needs four hexadecimal digits");
        return true;
    }
    if (s->at == s->in.size || !memchr("\"\\/bfnrt", s->in.text[s->at], 8))
        return fail(s, "no such escape");
    s->at++;
    return true;
}

static bool string(struct json_scan *s)
{
    if (!take(s, '"'))
        return fail(s, "a \" is missing");
    while (has_more(s)) {
        unsigned char c = (unsigned char)s->in.text[s->at];
        if (c < 0x20)
            return fail(s, "a control character in a string");
        if (c >= 0x80) {
            size_t n = utf8_character(s->in.text + s->at, s->in.size - s->at);
            if (n == 0)
                return fail(s, "not UTF-8");
            s->at += n;
            continue;
        }
        s->at++;
        if (c == '"')
            return true;
        if (c == '\\' && !escape(s))
            return false;
    }
    return fail(s, "a string does not end");
}

bool json_scan_open(struct json_scan *s, char bracket)
{
    skip_space(s);
    if (!take(s, bracket))
        return fail(s, bracket == '{' ? "not an object" : "not an array");
    if (++s->depth > JSON_SCAN_DEPTH_MAX)
        return fail(s, "nested too deep");
    return true;
}

/* 1: another member or element follows; 0: the bracket closed; -1: an error. */
static int another(struct json_scan *s, bool first, char bracket)
{
    skip_space(s);
    if (take(s, bracket)) {
        s->depth--;
        return 0;
    }
    if (!first && !take(s, ',')) {
        fail(s, s->at == s->in.size ? "the text ends too early" : "a comma is missing");
        return -1;
    }
    return 1;
}

/* Reads a key with its quotes, and the colon behind it. */
static bool key_and_colon(struct json_scan *s, struct json_slice *ret)
{
    skip_space(s);
    const size_t from = s->at;
    if (!string(s))
        return false;
    *ret = (struct json_slice){s->in.text + from, s->at - from};
    skip_space(s);
    return take(s, ':') || fail(s, "a colon is missing");
}

int json_scan_member(struct json_scan *s, bool first, struct json_slice *ret_key, struct json_slice *ret_value)
{
    int rc = another(s, first, '}');
    if (rc <= 0)
        return rc;
    return key_and_colon(s, ret_key) && json_scan_value(s, ret_value) ? 1 : -1;
}

int json_scan_element(struct json_scan *s, bool first, struct json_slice *ret_value)
{
    int rc = another(s, first, ']');
    return rc <= 0 ? rc : json_scan_value(s, ret_value) ? 1 : -1;
}

static bool scalar(struct json_scan *s)
{
    switch (peek(s)) {
    case '"': return string(s);
    case 't': return literal(s, "true");
    case 'f': return literal(s, "false");
    case 'n': return literal(s, "null");
    case 0: return fail(s, s->at == s->in.size ? "the text ends too early" : "a byte 0");
    case '-': return number(s);
    default: return peek(s) >= '0' && peek(s) <= '9' ? number(s) : fail(s, "no value begins so");
    }
}

/* Closes the levels that end here, down to `outside`, and reads the key of the next member.
 * objects: a bit for each level that is an object. 1: a value follows; 0: the outermost level
 * closed; -1: an error. */
static int next_value(struct json_scan *s, const uint64_t *objects, unsigned outside, bool first)
{
    for (; s->depth > outside; first = false) {
        const bool is_object = bits_test(objects, s->depth - 1);
        const int rc = another(s, first, is_object ? '}' : ']');
        struct json_slice key;
        if (rc > 0 && is_object && !key_and_colon(s, &key))
            return -1;
        if (rc != 0)
            return rc;
    }
    return 0;
}

bool json_scan_value(struct json_scan *s, struct json_slice *ret)
{
    uint64_t objects[JSON_SCAN_DEPTH_MAX / 64] = {0};
    const unsigned outside = s->depth;
    skip_space(s);
    const size_t from = s->at;
    int rc = 1;
    while (rc > 0) {
        skip_space(s);
        const char c = peek(s);
        const bool opens = c == '{' || c == '[';
        if (!(opens ? json_scan_open(s, c) : scalar(s)))
            return false;
        if (opens && c == '{')
            bits_set(objects, s->depth - 1);
        else if (opens)
            bits_clear(objects, s->depth - 1);
        rc = next_value(s, objects, outside, opens);
    }
    if (rc == 0)
        *ret = (struct json_slice){s->in.text + from, s->at - from};
    return rc == 0;
}

bool json_scan_end(struct json_scan *s)
{
    skip_space(s);
    if (s->stopped)
        return fail(s, "the scan was stopped");
    return s->at == s->in.size || fail(s, "something follows the value");
}

void json_scan_begin(struct json_scan *s, const char *text, size_t size)
{
    *s = (struct json_scan){.in = {text, size}, .limit = size};
}

void json_scan_set_pause(struct json_scan *s, const struct pause *pause)
{
    s->pause = pause;
    s->limit = next_limit(s);
}

bool json_is_valid(const char *text, size_t size)
{
    struct json_scan s;
    struct json_slice all;
    json_scan_begin(&s, text, size);
    return json_scan_value(&s, &all) && json_scan_end(&s);
}
