/* error.h -- what went wrong, as a code and a sentence a user can act on.
 *
 * Inside Kith a function returns 0 or a negative errno. One that can say more than a number takes a
 * struct error as its last argument and fills it before it returns: the sentence says what happened
 * and what to do. The codes travel over the wire and are never renumbered (docs/protocol.md). */
#pragma once

#include "base/check.h"
#include <stdint.h>

enum error_code {
    ERROR_OK = 0,
    ERROR_INVALID_ARGUMENT = 1,  /* the request is wrong and will stay wrong */
    ERROR_NOT_FOUND = 2,         /* no such collection, point or file */
    ERROR_ALREADY_EXISTS = 3,    /* a collection of that name is there */
    ERROR_DEADLINE_EXCEEDED = 4, /* the request's own deadline passed */
    ERROR_CANCELLED = 5,         /* the client gave up or went away */
    /* memory, the disk, a queue or a limit is full: try again later */
    ERROR_RESOURCE_EXHAUSTED = 6,
    ERROR_UNAVAILABLE = 7, /* starting or stopping: try again later */
    ERROR_PROTOCOL = 8,    /* bytes that are not the native protocol */
    ERROR_VERSION = 9,     /* a protocol or file version we do not speak */
    /* a checksum does not match: the sentence names file and offset */
    ERROR_CORRUPT = 10,
    /* the operating system refused: no permission, an I/O error, ... */
    ERROR_IO = 11,
    ERROR_INTERNAL = 12,  /* our own mistake */
    ERROR_TOO_LARGE = 13, /* more than this server can ever take at once: it will stay so */
    /* understood, but this version cannot do it: the sentence says what it can */
    ERROR_UNIMPLEMENTED = 14,
    ERROR_CONFLICT = 15,          /* what the request goes by has changed meanwhile: look again */
    ERROR_PERMISSION_DENIED = 16, /* the principal has no right to that: it will stay so */
    ERROR_CODES
};

#define ERROR_TEXT_MAX 320

struct error {
    enum error_code code;
    uint32_t retry_after_ms; /* when to try again, if that is known; 0: it is not */
    char text[ERROR_TEXT_MAX];
};

/* Fills *e, without a time to try again, and returns the negative errno that stands for
 * code, so that a caller can write `return error_set(...)`. e may be NULL: then only the
 * return value is made. */
int error_set(struct error *e, enum error_code code, const char *format, ...) PRINTF_LIKE(3, 4);

/* The end of a noun behind that number: "1 row", "2 rows". */
static inline const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* The sentence for a refusal of the operating system: "what: strerror(-rc)". Returns
 * rc, a negative errno. */
int error_set_errno(struct error *e, int rc, const char *format, ...) PRINTF_LIKE(3, 4);

/* The code that stands for a negative errno, for a place that has no sentence. */
enum error_code error_code_of(int rc);

/* "not_found" and so on, for logs, metrics and the command line. */
const char *error_code_name(enum error_code code);
