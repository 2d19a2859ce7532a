/* fields.h -- a model of the schema of one collection, as far as one client can know it. It has the
 * fields that only this client adds and drops, and the version of the schema.
 *
 * A change that was not acknowledged is there as a whole or not at all. A change that failed may
 * lie on the disk though no reactor uses it, and take effect at the next start. So the model keeps
 * apart what may be seen now and what a power cut may leave. */
#pragma once

#include <stdint.h>

#define FIELDS 6 /* of one client in one collection */

enum field_state { FIELD_ABSENT = 1, FIELD_PRESENT = 2 }; /* bits: both may be possible */

struct fields {
    uint32_t owner;                     /* the number of the client */
    unsigned now[FIELDS], last[FIELDS]; /* possible states, seen now and after a power cut */
    uint64_t version_least, version_most;
};

/* The collection was just created: it has no field, and version 1. */
void fields_init(struct fields *f);
/* The collection may have been dropped and created again. */
void fields_maybe_empty(struct fields *f);
void fields_restart(struct fields *f);
/* Adds the possible states of `then` to those of f. */
void fields_or(struct fields *f, const struct fields *then);
