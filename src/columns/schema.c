/* schema.c -- makes, copies, checks and changes schemas. The catalog makes a change durable. */
#include "columns/schema.h"
#include "columns/column.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- one piece of memory -- */

static size_t fields_at(size_t vectors)
{
    const size_t align = _Alignof(struct field_spec), end = vectors * sizeof(struct vector_spec);
    return (sizeof(struct schema) + end + align - 1) / align * align;
}

size_t schema_bytes(size_t vectors, size_t fields)
{
    return fields_at(vectors) + fields * sizeof(struct field_spec);
}

struct schema *schema_create_at(void *room, size_t vectors, size_t fields)
{
    struct schema *s = memset(room, 0, schema_bytes(vectors, fields));
    s->version = 1;
    s->vector_count = s->next_vector = (uint16_t)vectors;
    s->field_count = s->next_field = (uint16_t)fields;
    s->fields = (struct field_spec *)((uint8_t *)room + fields_at(vectors));
    for (size_t i = 0; i < vectors; i++)
        s->vectors[i].number = (uint16_t)i;
    for (size_t i = 0; i < fields; i++)
        s->fields[i].number = (uint16_t)i;
    return s;
}

struct schema *schema_create(size_t vectors, size_t fields)
{
    if (vectors > SCHEMA_VECTORS_MAX || fields > SCHEMA_FIELDS_MAX)
        return NULL;
    void *room = malloc(schema_bytes(vectors, fields));
    if (!room)
        return NULL;
    struct schema *s = schema_create_at(room, vectors, fields);
    s->references = 1;
    return s;
}

/* Copies all of `from` but the members that describe its memory. */
static void fill(struct schema *to, const struct schema *from, size_t fields)
{
    to->version = from->version;
    to->next_vector = from->next_vector;
    to->next_field = from->next_field;
    memcpy(to->vectors, from->vectors, from->vector_count * sizeof(*to->vectors));
    memcpy(to->fields, from->fields, fields * sizeof(*to->fields));
}

struct schema *schema_copy_at(void *room, const struct schema *from, size_t fields)
{
    struct schema *s = schema_create_at(room, from->vector_count, fields);
    fill(s, from, fields);
    return s;
}

struct schema *schema_copy(const struct schema *from)
{
    struct schema *s = schema_create(from->vector_count, from->field_count);
    if (s)
        fill(s, from, from->field_count);
    return s;
}

struct schema *schema_acquire(struct schema *s)
{
    s->references++;
    return s;
}

void schema_release(struct schema *s)
{
    if (s && --s->references == 0)
        free(s);
}

/* -- finding -- */

const struct vector_spec *schema_find_vector(const struct schema *s, const char *name)
{
    for (size_t i = 0; i < s->vector_count; i++)
        if (strcmp(s->vectors[i].name, name) == 0)
            return &s->vectors[i];
    return NULL;
}

const struct field_spec *schema_find_field(const struct schema *s, const char *path)
{
    for (size_t i = 0; i < s->field_count; i++)
        if (strcmp(s->fields[i].path, path) == 0)
            return &s->fields[i];
    return NULL;
}

const struct field_spec *schema_field(const struct schema *s, uint16_t number)
{
    for (size_t i = 0; i < s->field_count; i++)
        if (s->fields[i].number == number)
            return &s->fields[i];
    return NULL;
}

/* -- checking -- */

static int vectors_check(const struct schema *s, struct error *error)
{
    if (s->vector_count == 0)
        return error_set(error, ERROR_INVALID_ARGUMENT, "a collection has at least one vector; say its dim");
    for (size_t i = 0; i < s->vector_count; i++) {
        const struct vector_spec *v = &s->vectors[i];
        int rc = vector_spec_check(v, error);
        if (rc < 0)
            return rc;
        if (schema_find_vector(s, v->name) != v)
            return error_set(error, ERROR_INVALID_ARGUMENT, "there are two vectors '%s'; give each its own name",
                             v->name);
        if (v->number >= s->next_vector || (i > 0 && v->number <= v[-1].number))
            return error_set(error, ERROR_INVALID_ARGUMENT, "vector '%s' has a number that it cannot have", v->name);
    }
    return 0;
}

static int fields_check(const struct schema *s, struct error *error)
{
    for (size_t i = 0; i < s->field_count; i++) {
        const struct field_spec *f = &s->fields[i];
        int rc = field_spec_check(f, error);
        if (rc < 0)
            return rc;
        if (schema_find_field(s, f->path) != f)
            return error_set(error, ERROR_INVALID_ARGUMENT, "there are two fields '%s'; name each once", f->path);
        if (f->number >= s->next_field || (i > 0 && f->number <= f[-1].number))
            return error_set(error, ERROR_INVALID_ARGUMENT, "field '%s' has a number that it cannot have", f->path);
    }
    return 0;
}

int schema_check(const struct schema *s, struct error *error)
{
    if (s->version == 0)
        return error_set(error, ERROR_INVALID_ARGUMENT, "a schema has a version from 1 on");
    int rc = vectors_check(s, error);
    return rc < 0 ? rc : fields_check(s, error);
}

static int vector_check_implemented(const struct vector_spec *v, struct error *error)
{
    if (v->name[0])
        return error_set(error, ERROR_UNIMPLEMENTED,
                         "vector '%s': named vectors are not implemented yet; leave the name out for the one vector "
                         "that a collection has",
                         v->name);
    if (v->type != VECTOR_F32)
        return error_set(error, ERROR_UNIMPLEMENTED, "vectors of type %s are not implemented yet; take f32",
                         vector_type_name(v->type));
    if (v->multi)
        return error_set(error, ERROR_UNIMPLEMENTED,
                         "many vectors for one point (multi) are not implemented yet; write one vector a point");
    return 0;
}

int schema_check_implemented(const struct schema *s, struct error *error)
{
    if (s->vector_count > 1)
        return error_set(error, ERROR_UNIMPLEMENTED,
                         "the collection would have %u vectors; more than one, the unnamed one, is not implemented yet",
                         s->vector_count);
    return vector_check_implemented(&s->vectors[0], error);
}

/* -- changing -- */

static int no_memory(struct error *error)
{
    return error_set_errno(error, -ENOMEM, "the schema could not be changed");
}

static int add_field(const struct schema *s, const struct field_spec *f, const char *collection, struct schema **ret,
                     struct error *error)
{
    int rc = field_spec_check(f, error);
    if (rc < 0)
        return rc;
    const struct field_spec *has = schema_find_field(s, f->path);
    if (has)
        return error_set(error, ERROR_ALREADY_EXISTS,
                         "the collection '%s' has a field '%s' of kind %s already; drop it first to add it anew",
                         collection, f->path, column_kind_of(has->kind)->name);
    if (s->field_count == SCHEMA_FIELDS_MAX || s->next_field == UINT16_MAX)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED,
                         s->next_field == UINT16_MAX
                             ? "the collection '%s' has had %d fields, as many as there may ever be; create it anew"
                             : "the collection '%s' has %d fields, which is the most; drop one that is not needed",
                         collection, s->next_field == UINT16_MAX ? UINT16_MAX : SCHEMA_FIELDS_MAX);
    struct schema *to = schema_create(s->vector_count, s->field_count + 1u);
    if (!to)
        return no_memory(error);
    fill(to, s, s->field_count);
    to->fields[s->field_count] = *f;
    to->fields[s->field_count].number = to->next_field++;
    *ret = to;
    return 0;
}

#define NAMES_SHOWN 8

static int error_no_field(const struct schema *s, const char *path, const char *collection, struct error *error)
{
    char names[120] = "";
    size_t used = 0, i = 0;
    for (; i < s->field_count && i < NAMES_SHOWN && used + strlen(s->fields[i].path) + 8 < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "", s->fields[i].path);
    if (i < s->field_count)
        snprintf(names + used, sizeof(names) - used, "%s...", i ? ", " : "");
    return error_set(error, ERROR_NOT_FOUND, "the collection '%s' has no field '%.*s'; its fields: %s", collection,
                     FIELD_PATH_MAX, path, s->field_count ? names : "none");
}

static int drop_field(const struct schema *s, const char *path, const char *collection, struct schema **ret,
                      struct error *error)
{
    const struct field_spec *has = schema_find_field(s, path);
    if (!has)
        return error_no_field(s, path, collection, error);
    struct schema *to = schema_create(s->vector_count, s->field_count - 1u);
    if (!to)
        return no_memory(error);
    const size_t at = (size_t)(has - s->fields);
    fill(to, s, at);
    memcpy(&to->fields[at], has + 1, (to->field_count - at) * sizeof(*to->fields));
    *ret = to;
    return 0;
}

static int add_vector(const struct schema *s, const struct vector_spec *v, const char *collection, struct error *error)
{
    int rc = vector_spec_check(v, error);
    if (rc < 0)
        return rc;
    if (schema_find_vector(s, v->name))
        return error_set(error, ERROR_ALREADY_EXISTS, "the collection '%s' has a vector '%s' already", collection,
                         v->name);
    return error_set(error, ERROR_UNIMPLEMENTED,
                     "vectors cannot be added yet; the collection '%s' keeps the one it was created with", collection);
}

static int drop_vector(const struct schema *s, const char *name, const char *collection, struct error *error)
{
    if (!schema_find_vector(s, name))
        return error_set(error, ERROR_NOT_FOUND, "the collection '%s' has no vector '%.*s'", collection,
                         VECTOR_NAME_MAX, name);
    return error_set(error, ERROR_UNIMPLEMENTED,
                     "vectors cannot be dropped yet; the collection '%s' keeps the one it was created with",
                     collection);
}

static int apply(const struct schema *s, const struct schema_change *change, const char *collection,
                 struct schema **ret, struct error *error)
{
    if (change->add_field)
        return add_field(s, change->add_field, collection, ret, error);
    if (change->drop_field)
        return drop_field(s, change->drop_field, collection, ret, error);
    if (change->add_vector)
        return add_vector(s, change->add_vector, collection, error);
    if (change->drop_vector)
        return drop_vector(s, change->drop_vector, collection, error);
    return error_set(error, ERROR_INVALID_ARGUMENT, "the request does not say what to change in the schema of '%s'",
                     collection);
}

int schema_change(const struct schema *s, const struct schema_change *change, const char *collection,
                  struct schema **ret, struct error *error)
{
    struct schema *to = NULL;
    if (change->version && change->version != s->version)
        return error_set(error, ERROR_CONFLICT,
                         "the schema of '%s' has version %" PRIu64 ", not %" PRIu64
                         ": somebody else has changed it; look at it again, then repeat the change",
                         collection, s->version, change->version);
    int rc = apply(s, change, collection, &to, error);
    if (rc == 0)
        rc = schema_check_implemented(to, error);
    if (rc < 0) {
        schema_release(to);
        return rc;
    }
    to->version = s->version + 1;
    *ret = to;
    return 0;
}
