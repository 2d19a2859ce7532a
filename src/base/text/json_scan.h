/* json_scan.h -- walks over JSON text without building a tree, so that a value can be taken
 * exactly as it is written.
 *
 * Accepts what RFC 8259 accepts, in well-formed UTF-8, nested at most JSON_SCAN_DEPTH_MAX deep.
 * Numbers may have any number of digits, strings any escape, objects the same key twice: nothing is
 * converted. The text need not end with 0. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define JSON_SCAN_DEPTH_MAX 1024

struct json_slice { /* of the text; borrowed */
    const char *text;
    size_t size;
};

struct json_scan {
    struct json_slice in;
    size_t at; /* the next byte; after a failure the one that is wrong */
    unsigned depth;
    const char *problem; /* after a failure: what is wrong there */
};

void json_scan_begin(struct json_scan *s, const char *text, size_t size);
/* Takes the next value, without the white space around it. False: it is not JSON. */
bool json_scan_value(struct json_scan *s, struct json_slice *ret);
/* Nothing but white space is left. */
bool json_scan_end(struct json_scan *s);

/* Takes the '{' or '[' of the next value; then the members one after the other: 1, 0 behind the
 * last one, or -1. A key comes with its quotes. */
bool json_scan_open(struct json_scan *s, char bracket);
int json_scan_member(struct json_scan *s, bool first, struct json_slice *ret_key, struct json_slice *ret_value);
int json_scan_element(struct json_scan *s, bool first, struct json_slice *ret_value);

/* The whole text is one value. */
bool json_is_valid(const char *text, size_t size);
