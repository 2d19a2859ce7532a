/* A recursive descent; the depth is bounded, and so is the stack. */
#include "cli/json_scan.h"
#include "base/text/utf8.h"

#include <string.h>

static bool fail(struct json_scan *s, const char *problem)
{
    s->problem = problem;
    return false;
}

/* The next byte, or 0 at the end: 0 is nowhere allowed in JSON. */
static char peek(const struct json_scan *s)
{
    return s->at < s->in.size ? s->in.text[s->at] : 0;
}

static void skip_space(struct json_scan *s)
{
    while (s->at < s->in.size && memchr(" \t\r\n", s->in.text[s->at], 4))
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
    while (s->at < s->in.size) {
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

/* 1: another one follows; 0: that was the last; -1. */
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

int json_scan_member(struct json_scan *s, bool first, struct json_slice *ret_key, struct json_slice *ret_value)
{
    int rc = another(s, first, '}');
    if (rc <= 0)
        return rc;
    skip_space(s);
    size_t from = s->at;
    if (!string(s))
        return -1;
    *ret_key = (struct json_slice){s->in.text + from, s->at - from};
    skip_space(s);
    if (!take(s, ':')) {
        fail(s, "a colon is missing");
        return -1;
    }
    return json_scan_value(s, ret_value) ? 1 : -1;
}

int json_scan_element(struct json_scan *s, bool first, struct json_slice *ret_value)
{
    int rc = another(s, first, ']');
    return rc <= 0 ? rc : json_scan_value(s, ret_value) ? 1 : -1;
}

static bool object(struct json_scan *s)
{
    struct json_slice key, value;
    int rc = json_scan_open(s, '{') ? 1 : -1;
    for (bool first = true; rc > 0; first = false)
        rc = json_scan_member(s, first, &key, &value);
    return rc == 0;
}

static bool array(struct json_scan *s)
{
    struct json_slice value;
    int rc = json_scan_open(s, '[') ? 1 : -1;
    for (bool first = true; rc > 0; first = false)
        rc = json_scan_element(s, first, &value);
    return rc == 0;
}

static bool any_value(struct json_scan *s)
{
    switch (peek(s)) {
    case '{': return object(s);
    case '[': return array(s);
    case '"': return string(s);
    case 't': return literal(s, "true");
    case 'f': return literal(s, "false");
    case 'n': return literal(s, "null");
    case 0: return fail(s, s->at == s->in.size ? "the text ends too early" : "a byte 0");
    case '-': return number(s);
    default: return peek(s) >= '0' && peek(s) <= '9' ? number(s) : fail(s, "no value begins so");
    }
}

bool json_scan_value(struct json_scan *s, struct json_slice *ret)
{
    skip_space(s);
    size_t from = s->at;
    if (!any_value(s))
        return false;
    *ret = (struct json_slice){s->in.text + from, s->at - from};
    return true;
}

bool json_scan_end(struct json_scan *s)
{
    skip_space(s);
    return s->at == s->in.size || fail(s, "something follows the value");
}

void json_scan_begin(struct json_scan *s, const char *text, size_t size)
{
    *s = (struct json_scan){.in = {text, size}};
}

bool json_is_valid(const char *text, size_t size)
{
    struct json_scan s;
    struct json_slice all;
    json_scan_begin(&s, text, size);
    return json_scan_value(&s, &all) && json_scan_end(&s);
}
