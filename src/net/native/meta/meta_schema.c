/* meta_schema.c -- converts schemas. Most collections have only the unnamed f32 vector. It is
 * described by fields of the collection's own message, so that most clients need no other; all
 * other vectors are in a list. */
#include "net/native/meta/meta_schema.h"
#include "columns/column.h"
#include "index/kind.h"

#include <errno.h>
#include <string.h>

/* -- from the message -- */

static int options_check(struct request *rq, uint32_t m, uint32_t ef_construct, uint32_t code_bits, int metric)
{
    struct error *e = &rq->error;
    if (m > UINT16_MAX || ef_construct > UINT16_MAX)
        return error_set(e, ERROR_INVALID_ARGUMENT, "m is %u and ef_construct is %u; both must be below 65536", m,
                         ef_construct);
    if ((unsigned)metric > METRIC_COSINE)
        return error_set(e, ERROR_INVALID_ARGUMENT, "metric %d is not known; use 1 (l2), 2 (ip) or 3 (cosine)", metric);
    if (code_bits > UINT8_MAX)
        return error_set(e, ERROR_INVALID_ARGUMENT, "code_bits is %u; it must be 1 to 8", code_bits);
    return 0;
}

/* The number of an index kind by its name; "" or "auto": 0, which leaves the choice to the
 * server. */
static int kind_take(struct request *rq, const char *name, uint16_t *ret)
{
    const bool open = name[0] == 0 || strcmp(name, "auto") == 0;
    const struct index_kind *kind = open ? NULL : index_kind_named(name);
    if (!open && !kind)
        return error_set(&rq->error, ERROR_INVALID_ARGUMENT, "index '%.40s' is not known; use one of %s", name,
                         index_kind_names());
    *ret = kind ? kind->id : 0;
    return 0;
}

static const char *kind_name(const struct index_options *o)
{
    const struct index_kind *kind = o->kind ? index_kind_of(o->kind) : NULL;
    return kind ? kind->name : "";
}

int meta_vector(struct request *rq, const Kith__Vector *from, struct vector_spec *ret)
{
    const size_t n = strlen(from->name);
    if (n >= sizeof(ret->name))
        return error_set(&rq->error, ERROR_INVALID_ARGUMENT,
                         "the name of a vector has %zu characters; at most %zu are allowed", n, sizeof(ret->name) - 1);
    uint16_t kind = 0;
    int rc = options_check(rq, from->m, from->ef_construct, from->code_bits, (int)from->metric);
    if (rc == 0)
        rc = kind_take(rq, from->index, &kind);
    if (rc < 0)
        return rc;
    const uint16_t number = ret->number;
    *ret = (struct vector_spec){.number = number,
                                .type = from->type ? (enum vector_type)from->type : VECTOR_F32,
                                .dim = from->dim,
                                .metric = (enum metric)from->metric,
                                .multi = from->multi,
                                .index = {.kind = kind,
                                          .m = (uint16_t)from->m,
                                          .ef_construct = (uint16_t)from->ef_construct,
                                          .code = (enum code_kind)from->code,
                                          .code_bits = (uint8_t)from->code_bits,
                                          .refine = (enum refine_kind)from->refine,
                                          .refine_k = from->refine_k,
                                          .links = (enum links_kind)from->links}};
    memcpy(ret->name, from->name, n + 1);
    return 0;
}

int meta_field(struct request *rq, const Kith__Field *from, struct field_spec *ret)
{
    const size_t n = strlen(from->path);
    if (n >= sizeof(ret->path))
        return error_set(&rq->error, ERROR_INVALID_ARGUMENT,
                         "the path of a field may have 1 to %zu bytes, but this one has %zu", sizeof(ret->path) - 1, n);
    const struct column_kind *kind = column_kind_named(from->kind);
    if (!kind)
        return error_set(&rq->error, ERROR_INVALID_ARGUMENT, "kind '%.40s' of field '%s' is unknown; known: %s",
                         from->kind, from->path, column_kind_names());
    ret->kind = kind->id;
    memcpy(ret->path, from->path, n + 1);
    return 0;
}

/* The unnamed vector, from the fields of the collection's message. */
static Kith__Vector unnamed_of(const Kith__Collection *from)
{
    Kith__Vector v = KITH__VECTOR__INIT;
    v.dim = from->dim;
    v.metric = from->metric;
    v.m = from->m;
    v.ef_construct = from->ef_construct;
    v.code = from->code;
    v.code_bits = from->code_bits;
    v.refine = from->refine;
    v.refine_k = from->refine_k;
    v.links = from->links;
    v.index = from->index;
    return v;
}

static int schema_take(struct request *rq, const Kith__Collection *from, struct schema **ret)
{
    const Kith__Vector unnamed = unnamed_of(from);
    const size_t own = from->dim != 0 || from->n_vectors == 0, vectors = own + from->n_vectors;
    if (vectors > SCHEMA_VECTORS_MAX || from->n_fields > SCHEMA_FIELDS_MAX)
        return error_set(&rq->error, ERROR_INVALID_ARGUMENT,
                         "%zu vector%s and %zu field%s are too many; a collection may have %d and %d", vectors,
                         plural(vectors), from->n_fields, plural(from->n_fields), SCHEMA_VECTORS_MAX,
                         SCHEMA_FIELDS_MAX);
    void *room = arena_alloc(&rq->arena, schema_bytes(vectors, from->n_fields));
    if (!room)
        return request_error(rq, -ENOMEM, "request");
    struct schema *s = schema_create_at(room, vectors, from->n_fields);
    int rc = own ? meta_vector(rq, &unnamed, &s->vectors[0]) : 0;
    for (size_t i = 0; i < from->n_vectors && rc == 0; i++)
        rc = meta_vector(rq, from->vectors[i], &s->vectors[own + i]);
    for (size_t i = 0; i < from->n_fields && rc == 0; i++)
        rc = meta_field(rq, from->fields[i], &s->fields[i]);
    *ret = s;
    return rc;
}

int meta_collection(struct request *rq, const Kith__Collection *from, struct collection_config *ret)
{
    struct error *e = &rq->error;
    if (!from)
        return error_set(e, ERROR_INVALID_ARGUMENT, "the request names no collection");
    memset(ret, 0, sizeof(*ret));
    size_t n = strlen(from->name);
    if (n >= sizeof(ret->name))
        return error_set(e, ERROR_INVALID_ARGUMENT, "the collection's name has %zu characters; at most %zu are allowed",
                         n, sizeof(ret->name) - 1);
    memcpy(ret->name, from->name, n + 1);
    if ((unsigned)from->durability > DURABILITY_NONE)
        return error_set(e, ERROR_INVALID_ARGUMENT,
                         "durability %d is not known; use 1 (flush), 2 (interval) or 3 (none)", (int)from->durability);
    ret->slots = from->slots;
    ret->durability = (enum durability)from->durability;
    return schema_take(rq, from, &ret->schema);
}

/* -- into the message -- */

static void vector_init(Kith__Vector *ret, const struct vector_spec *v)
{
    kith__vector__init(ret);
    ret->name = (char *)(uintptr_t)v->name; /* protobuf-c only reads it */
    ret->type = (Kith__VectorType)v->type;
    ret->dim = v->dim;
    ret->metric = (Kith__Metric)v->metric;
    ret->multi = v->multi;
    ret->m = v->index.m;
    ret->ef_construct = v->index.ef_construct;
    ret->code = (Kith__Code)v->index.code;
    ret->code_bits = v->index.code_bits;
    ret->refine = (Kith__Refine)v->index.refine;
    ret->refine_k = v->index.refine_k;
    ret->links = (Kith__Links)v->index.links;
    ret->index = (char *)(uintptr_t)kind_name(&v->index); /* protobuf-c only reads it */
}

static void unnamed_init(Kith__Collection *ret, const struct vector_spec *v)
{
    ret->dim = v->dim;
    ret->metric = (Kith__Metric)v->metric;
    ret->m = v->index.m;
    ret->ef_construct = v->index.ef_construct;
    ret->code = (Kith__Code)v->index.code;
    ret->code_bits = v->index.code_bits;
    ret->refine = (Kith__Refine)v->index.refine;
    ret->refine_k = v->index.refine_k;
    ret->links = (Kith__Links)v->index.links;
    ret->index = (char *)(uintptr_t)kind_name(&v->index); /* protobuf-c only reads it */
}

static bool is_plain(const struct vector_spec *v)
{
    return v->name[0] == 0 && v->type == VECTOR_F32 && !v->multi;
}

static int vectors_give(struct request *rq, Kith__Collection *ret, const struct schema *s)
{
    const size_t n = s->vector_count;
    if (n == 1 && is_plain(&s->vectors[0])) {
        unnamed_init(ret, &s->vectors[0]);
        return 0;
    }
    Kith__Vector *vectors = arena_alloc(&rq->bulk, n * sizeof(*vectors));
    ret->vectors = arena_alloc(&rq->bulk, n * sizeof(*ret->vectors));
    if (!vectors || !ret->vectors)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (is_plain(&s->vectors[i])) {
            unnamed_init(ret, &s->vectors[i]);
            continue;
        }
        vector_init(&vectors[i], &s->vectors[i]);
        ret->vectors[ret->n_vectors++] = &vectors[i];
    }
    return 0;
}

static int fields_give(struct request *rq, Kith__Collection *ret, const struct schema *s)
{
    const size_t n = s->field_count;
    if (n == 0)
        return 0;
    Kith__Field *fields = arena_alloc(&rq->bulk, n * sizeof(*fields));
    ret->fields = arena_alloc(&rq->bulk, n * sizeof(*ret->fields));
    if (!fields || !ret->fields)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        kith__field__init(&fields[i]);
        fields[i].path = s->fields[i].path;
        fields[i].kind = (char *)(uintptr_t)column_kind_of(s->fields[i].kind)->name; /* only read */
        ret->fields[ret->n_fields++] = &fields[i];
    }
    return 0;
}

int meta_collection_init(struct request *rq, Kith__Collection *ret, const struct collection_config *config)
{
    kith__collection__init(ret);
    ret->name = (char *)(uintptr_t)config->name; /* protobuf-c only reads it */
    ret->durability = (Kith__Durability)config->durability;
    ret->slots = config->slots;
    ret->schema_version = config->schema->version;
    int rc = vectors_give(rq, ret, config->schema);
    if (rc == 0)
        rc = fields_give(rq, ret, config->schema);
    return rc < 0 ? request_error(rq, rc, "answer") : 0;
}
