/* fields.h -- what the schema of one collection may be, as far as one client can know: which of the
 * fields that only this client adds and drops are there, and which version the schema has.
 *
 * A change that was not acknowledged is there or not, as a whole. A change that failed may lie on
 * the disk though no reactor goes by it, and come with the next start; so what a power cut may
 * leave is told apart from what may be seen now. */
#pragma once

#include <stdint.h>

#define FIELDS 6 /* of one client in one collection */

enum field_state { FIELD_ABSENT = 1, FIELD_PRESENT = 2 }; /* bits of those that are possible */

struct fields {
    uint32_t owner;                     /* the client, by its number */
    unsigned now[FIELDS], last[FIELDS]; /* last: after a power cut */
    uint64_t version_least, version_most;
};

/* The collection was just created: no field, version 1. */
void fields_init(struct fields *f);
/* It may have been dropped and created again. */
void fields_maybe_empty(struct fields *f);
void fields_restart(struct fields *f);
/* f may be as `then` as well. */
void fields_or(struct fields *f, const struct fields *then);
