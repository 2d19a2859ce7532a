/* schema.h -- what a collection's points are made of: its named vectors and its
 * indexed payload fields.
 *
 * A schema is one piece of memory and does not change once others see it: a change makes another
 * one with the next version. Each core has its own copies, so references are counted without
 * atomics. Whoever keeps a pointer to a schema or to a part of it across a wait acquires the schema
 * first; whoever does not reads it anew after the wait. */
#pragma once

#include "columns/field_spec.h"
#include "vectors/spec.h"

#define SCHEMA_VECTORS_MAX 16
#define SCHEMA_FIELDS_MAX  64

struct schema {
    uint64_t version;                 /* 1 when the collection is created; each change adds 1 */
    uint32_t references;              /* of this core; not counted in one that lies in an arena */
    uint16_t vector_count;            /* at most SCHEMA_VECTORS_MAX */
    uint16_t field_count;             /* at most SCHEMA_FIELDS_MAX */
    uint16_t next_vector, next_field; /* numbers for the next ones: none is given twice */
    struct field_spec *fields;        /* behind the vectors */
    struct vector_spec vectors[];
};

/* A schema of so many parts, which the caller fills in; version and numbers are those of a new
 * collection. NULL: no memory, or too many. */
MUST_USE struct schema *schema_create(size_t vectors, size_t fields);
/* The same in `room` of schema_bytes(): for arenas. */
size_t schema_bytes(size_t vectors, size_t fields);
struct schema *schema_create_at(void *room, size_t vectors, size_t fields);
/* A copy of all vectors and the first `fields` fields, in such room. */
struct schema *schema_copy_at(void *room, const struct schema *from, size_t fields);
/* A copy with one reference, for this core. NULL: no memory. */
MUST_USE struct schema *schema_copy(const struct schema *from);
struct schema *schema_acquire(struct schema *s);
void schema_release(struct schema *s); /* NULL is fine */

/* Each part, names and paths that are there twice, numbers: what comes from a
 * user or from the disk. */
MUST_USE int schema_check(const struct schema *s, struct error *error);
/* Whether this Kith can serve it: ERROR_UNIMPLEMENTED, with what it can. A schema that was
 * checked. */
MUST_USE int schema_check_implemented(const struct schema *s, struct error *error);

/* NULL: there is none. Borrowed from s. */
const struct vector_spec *schema_find_vector(const struct schema *s, const char *name);
const struct field_spec *schema_find_field(const struct schema *s, const char *path);
const struct field_spec *schema_field(const struct schema *s, uint16_t number);

/* One change; the others are not meant. */
struct schema_change {
    uint64_t version; /* of the schema that it changes; 0: of whatever is there */
    const struct field_spec *add_field;
    const char *drop_field; /* path */
    const struct vector_spec *add_vector;
    const char *drop_vector; /* name */
};

/* What a schema becomes by a change: *ret is checked, implemented, and has one reference.
 * ERROR_INVALID_ARGUMENT; ERROR_ALREADY_EXISTS, ERROR_NOT_FOUND: a field or vector of that name;
 * ERROR_CONFLICT: the version is another one; ERROR_RESOURCE_EXHAUSTED: there are as many as there
 * may be; ERROR_UNIMPLEMENTED. `collection` is for the sentence. */
MUST_USE int schema_change(const struct schema *s, const struct schema_change *change, const char *collection,
                           struct schema **ret, struct error *error);
