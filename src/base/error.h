/* error.h -- an error: a code for programs and a sentence for users.
 *
 * Inside Kith a function returns 0 or a negative errno. If the caller needs more than a number, the
 * last argument is a struct error, which the function fills before it returns. The sentence says
 * what happened and what to do. Clients receive the codes, so their numbers never change
 * (docs/protocol.md). */
#pragma once

#include "base/check.h"
#include <stdint.h>

enum error_code {
    ERROR_OK = 0,
    ERROR_INVALID_ARGUMENT = 1,  /* the request is wrong; repeating it does not help */
    ERROR_NOT_FOUND = 2,         /* no such collection, point or file */
    ERROR_ALREADY_EXISTS = 3,    /* a collection of that name exists */
    ERROR_DEADLINE_EXCEEDED = 4, /* the deadline of the request passed */
    ERROR_CANCELLED = 5,         /* the client cancelled the request or disconnected */
    /* memory, the disk, a queue or a limit is full: try again later */
    ERROR_RESOURCE_EXHAUSTED = 6,
    ERROR_UNAVAILABLE = 7, /* starting or stopping: try again later */
    ERROR_PROTOCOL = 8,    /* bytes that are not the native protocol */
    ERROR_VERSION = 9,     /* a version of the protocol or of a file that is not supported */
    /* a checksum does not match: the sentence names file and offset */
    ERROR_CORRUPT = 10,
    /* the operating system refused: no permission, an I/O error, ... */
    ERROR_IO = 11,
    ERROR_INTERNAL = 12,  /* a bug in Kith */
    ERROR_TOO_LARGE = 13, /* larger than this server ever accepts; repeating it does not help */
    /* understood, but not implemented in this version: the sentence says what is */
    ERROR_UNIMPLEMENTED = 14,
    ERROR_CONFLICT = 15,          /* the state that the request uses has changed: read it again */
    ERROR_PERMISSION_DENIED = 16, /* the principal has no right to it; repeating it does not help */
    ERROR_CODES
};

#define ERROR_TEXT_MAX 320

struct error {
    enum error_code code;
    uint32_t retry_after_ms;   /* when to try again, in ms from now; 0: unknown */
    char text[ERROR_TEXT_MAX]; /* UTF-8; a '?' stands for each byte that is not */
};

/* Fills *e, with retry_after_ms = 0, and returns the negative errno of `code`, so that a caller can
 * write `return error_set(...)`. e may be NULL; then only the return value is used. */
int error_set(struct error *e, enum error_code code, const char *format, ...) PRINTF_LIKE(3, 4);

/* The plural ending of a noun after the number n: "1 row", "2 rows". */
static inline const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* Like error_set() for a failed system call: appends ": " and strerror(-rc) to the text. Returns
 * rc, a negative errno. */
int error_set_errno(struct error *e, int rc, const char *format, ...) PRINTF_LIKE(3, 4);

/* The code of a negative errno, for callers that have no sentence. */
enum error_code error_code_of(int rc);

/* "not_found" and so on, for logs, metrics and the command line. */
const char *error_code_name(enum error_code code);
