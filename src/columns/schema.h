/* schema.h -- the schema of a collection: its named vectors and its indexed payload fields.
 *
 * A schema is one piece of memory. It does not change once other code sees it: a change makes
 * another schema with the next version. Each core has its own copies, so references are counted
 * without atomics. Code that keeps a pointer to a schema, or to a part of it, across a wait
 * acquires the schema first. Other code looks it up again after a wait. */
#pragma once

#include "columns/field_spec.h"
#include "vectors/spec.h"

#define SCHEMA_VECTORS_MAX 16
#define SCHEMA_FIELDS_MAX  64

struct schema {
    uint64_t version; /* 1 when the collection is created; each change adds 1 */
    /* of this core; not counted in a schema that lies in an arena */
    uint32_t references;
    uint16_t vector_count;            /* at most SCHEMA_VECTORS_MAX */
    uint16_t field_count;             /* at most SCHEMA_FIELDS_MAX */
    uint16_t next_vector, next_field; /* the numbers of the next ones; no number is given twice */
    struct field_spec *fields;        /* behind the vectors */
    struct vector_spec vectors[];
};

/* A schema with so many vectors and fields, which the caller fills in. Version and numbers are
 * those of a new collection. NULL: no memory, or too many parts. */
MUST_USE struct schema *schema_create(size_t vectors, size_t fields);
/* The same in memory of the caller, of schema_bytes() bytes: for arenas. */
size_t schema_bytes(size_t vectors, size_t fields);
struct schema *schema_create_at(void *room, size_t vectors, size_t fields);
/* A copy of all vectors and the first `fields` fields, in memory of the caller. */
struct schema *schema_copy_at(void *room, const struct schema *from, size_t fields);
/* A copy with one reference, for this core. NULL: no memory. */
MUST_USE struct schema *schema_copy(const struct schema *from);
struct schema *schema_acquire(struct schema *s);
void schema_release(struct schema *s); /* NULL is allowed */

/* Checks a schema that comes from a user or from the disk: each part, the numbers, and that no name
 * or path is there twice. */
MUST_USE int schema_check(const struct schema *s, struct error *error);
/* Whether this version of Kith can serve a checked schema. ERROR_UNIMPLEMENTED, with advice. */
MUST_USE int schema_check_implemented(const struct schema *s, struct error *error);

/* The vector or field; NULL: there is none. Borrowed from s. */
const struct vector_spec *schema_find_vector(const struct schema *s, const char *name);
const struct field_spec *schema_find_field(const struct schema *s, const char *path);
const struct field_spec *schema_field(const struct schema *s, uint16_t number);

/* One change: exactly one of the four pointers is set. */
struct schema_change {
    uint64_t version; /* the version of the schema that it changes; 0: any */
    const struct field_spec *add_field;
    const char *drop_field; /* path */
    const struct vector_spec *add_vector;
    const char *drop_vector; /* name */
};

/* Makes the schema that a change leads to. *ret is checked, implemented, and has one reference.
 * ERROR_INVALID_ARGUMENT; ERROR_ALREADY_EXISTS or ERROR_NOT_FOUND: a field or vector of that name;
 * ERROR_CONFLICT: s has another version; ERROR_RESOURCE_EXHAUSTED: the number of fields has reached
 * its limit; ERROR_UNIMPLEMENTED. collection: its name, for the error. */
MUST_USE int schema_change(const struct schema *s, const struct schema_change *change, const char *collection,
                           struct schema **ret, struct error *error);
