/* manifest_schema.c -- converts schemas. Separate from manifest_parse.c, because it grows with each
 * new property of vectors and fields. */
#include "shards/manifest/manifest_schema.h"
#include "base/log.h"
#include "columns/column.h"
#include "index/kind.h"

#include <errno.h>
#include <string.h>

/* -- reading -- */

static int take_text(const char *from, char *to, size_t room)
{
    const size_t n = from ? strlen(from) : room;
    if (n >= room)
        return -EINVAL;
    memcpy(to, from, n + 1);
    return 0;
}

static int take_vector(const KithDisk__Vector *from, struct vector_spec *to)
{
    if (from->number > UINT16_MAX || from->m > UINT16_MAX || from->index_kind > UINT16_MAX ||
        from->ef_construct > UINT16_MAX || from->code_bits > UINT8_MAX)
        return -EINVAL;
    if (!index_kind_of(from->index_kind)) {
        log_error("the manifest names index kind %u, which this version of Kith does not know; start a newer one",
                  from->index_kind);
        return -EPROTONOSUPPORT;
    }
    to->number = (uint16_t)from->number;
    to->type = (enum vector_type)from->type;
    to->dim = from->dim;
    to->metric = (enum metric)from->metric;
    to->multi = from->multi;
    to->index = (struct index_options){.kind = (uint16_t)from->index_kind,
                                       .m = (uint16_t)from->m,
                                       .ef_construct = (uint16_t)from->ef_construct,
                                       .seed = from->seed,
                                       .code = (enum code_kind)from->code,
                                       .code_bits = (uint8_t)from->code_bits,
                                       .refine = (enum refine_kind)from->refine,
                                       .refine_k = from->refine_k,
                                       .links = (enum links_kind)from->links};
    return take_text(from->name, to->name, sizeof(to->name));
}

static int take_field(const KithDisk__Field *from, struct field_spec *to)
{
    if (from->number > UINT16_MAX || from->kind > UINT16_MAX)
        return -EINVAL;
    if (!column_kind_of(from->kind)) {
        log_error("the manifest names column kind %u, which this version of Kith does not know; start a newer one",
                  from->kind);
        return -EPROTONOSUPPORT;
    }
    to->number = (uint16_t)from->number;
    to->kind = (uint16_t)from->kind;
    return take_text(from->path, to->path, sizeof(to->path));
}

static int take_parts(const KithDisk__Schema *from, struct schema *to)
{
    int rc = from->next_vector > UINT16_MAX || from->next_field > UINT16_MAX ? -EINVAL : 0;
    to->version = from->version;
    to->next_vector = (uint16_t)from->next_vector;
    to->next_field = (uint16_t)from->next_field;
    for (size_t i = 0; rc == 0 && i < from->n_vectors; i++)
        rc = take_vector(from->vectors[i], &to->vectors[i]);
    for (size_t i = 0; rc == 0 && i < from->n_fields; i++)
        rc = take_field(from->fields[i], &to->fields[i]);
    return rc < 0 ? rc : schema_check(to, NULL);
}

int manifest_take_schema(const KithDisk__Schema *from, struct schema **ret)
{
    if (!from || from->n_vectors > SCHEMA_VECTORS_MAX || from->n_fields > SCHEMA_FIELDS_MAX)
        return -EINVAL;
    struct schema *s = schema_create(from->n_vectors, from->n_fields);
    int rc = s ? take_parts(from, s) : -ENOMEM;
    if (rc < 0) {
        schema_release(s);
        return rc;
    }
    *ret = s;
    return 0;
}

/* -- writing -- */

static void give_vector(const struct vector_spec *v, KithDisk__Vector *to)
{
    kith_disk__vector__init(to);
    to->number = v->number;
    to->name = (char *)(uintptr_t)v->name; /* only read */
    to->type = v->type;
    to->dim = v->dim;
    to->metric = v->metric;
    to->multi = v->multi;
    to->m = v->index.m;
    to->ef_construct = v->index.ef_construct;
    to->seed = v->index.seed;
    to->code = v->index.code;
    to->code_bits = v->index.code_bits;
    to->refine = v->index.refine;
    to->refine_k = v->index.refine_k;
    to->links = v->index.links;
    to->index_kind = v->index.kind;
}

static void give_field(const struct field_spec *f, KithDisk__Field *to)
{
    kith_disk__field__init(to);
    to->number = f->number;
    to->path = (char *)(uintptr_t)f->path; /* only read */
    to->kind = f->kind;
}

KithDisk__Schema *manifest_give_schema(const struct schema *s, struct arena *arena)
{
    KithDisk__Schema *to = arena_alloc(arena, sizeof(*to));
    KithDisk__Vector *vectors = arena_alloc(arena, s->vector_count * sizeof(*vectors));
    KithDisk__Field *fields = arena_alloc(arena, (s->field_count + 1u) * sizeof(*fields));
    if (!to || !vectors || !fields)
        return NULL;
    kith_disk__schema__init(to);
    to->version = s->version;
    to->next_vector = s->next_vector;
    to->next_field = s->next_field;
    to->vectors = arena_alloc(arena, s->vector_count * sizeof(void *));
    to->fields = arena_alloc(arena, (s->field_count + 1u) * sizeof(void *));
    if (!to->vectors || !to->fields)
        return NULL;
    for (to->n_vectors = 0; to->n_vectors < s->vector_count; to->n_vectors++) {
        give_vector(&s->vectors[to->n_vectors], &vectors[to->n_vectors]);
        to->vectors[to->n_vectors] = &vectors[to->n_vectors];
    }
    for (to->n_fields = 0; to->n_fields < s->field_count; to->n_fields++) {
        give_field(&s->fields[to->n_fields], &fields[to->n_fields]);
        to->fields[to->n_fields] = &fields[to->n_fields];
    }
    return to;
}
