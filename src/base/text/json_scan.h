/* json_scan.h -- scans JSON text without building a tree, so that a value can be copied exactly as
 * it is written.
 *
 * Accepts the JSON of RFC 8259 in well-formed UTF-8, nested at most JSON_SCAN_DEPTH_MAX deep.
 * Numbers may have any number of digits, strings any escape, and objects duplicate keys, because
 * nothing is converted. The text need not end with 0. */
#pragma once

#include "base/pause.h"

#include <stdbool.h>
#include <stddef.h>

#define JSON_SCAN_DEPTH_MAX 1024

struct json_slice { /* a borrowed part of the text */
    const char *text;
    size_t size;
};

struct json_scan {
    struct json_slice in;
    size_t at;    /* offset of the next byte; after a failure, of the wrong one */
    size_t limit; /* offset at which the scan pauses; at the latest the end */
    unsigned depth;
    const char *problem; /* after a failure: what is wrong at that byte */
    const struct pause *pause;
    int stopped; /* what the pause returned, if not 0 */
};

void json_scan_begin(struct json_scan *s, const char *text, size_t size);
/* Pauses every 16 KiB from here on, which is 50 us of work. When the pause returns an error, the
 * text ends there, and `stopped` is that error: what was read last may be cut off. */
void json_scan_set_pause(struct json_scan *s, const struct pause *pause);
/* Reads the next value, without the white space around it. False: it is not JSON. */
bool json_scan_value(struct json_scan *s, struct json_slice *ret);
/* Whether only white space is left. */
bool json_scan_end(struct json_scan *s);

/* json_scan_open() reads the '{' or '[' of the next value. The others then read its members or
 * elements: 1 for each, 0 after the last, -1 on an error. A key includes its quotes. */
bool json_scan_open(struct json_scan *s, char bracket);
int json_scan_member(struct json_scan *s, bool first, struct json_slice *ret_key, struct json_slice *ret_value);
int json_scan_element(struct json_scan *s, bool first, struct json_slice *ret_value);

/* Whether the whole text is one value. */
bool json_is_valid(const char *text, size_t size);
