/* collection.c -- checks the configuration of a new collection. Of the schema it checks only the
 * index options: columns/schema.c checks the rest, but may not include src/index. */
#include "shards/collection.h"
#include "index/autoindex.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define SLOTS_MAX    65536
#define REFINE_K_MAX 100

static int name_check(const char *name, struct error *error)
{
    size_t n = strnlen(name, COLLECTION_NAME_MAX);
    if (n == 0 || n == COLLECTION_NAME_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "a collection's name has 1 to %d characters, this one has %zu%s", COLLECTION_NAME_MAX - 1, n,
                         n ? " or more" : "");
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
            return error_set(
                error, ERROR_INVALID_ARGUMENT,
                "a collection's name is made of letters, digits, '.', '_' and '-'; character %zu is none of them",
                i + 1);
    if (name[0] == '.')
        return error_set(error, ERROR_INVALID_ARGUMENT, "a collection's name does not begin with '.'");
    return 0;
}

/* The rows that refine a code must be finer than the code. */
static int refine_check(const struct index_options *o, struct error *error)
{
    const struct code_ops *code = code_ops_of(o->code), *refine = code_ops_of(refine_code(o->refine));
    const bool is_values = code && code->features & CODE_VALUES;
    if (code && refine && refine->precision <= code->precision)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "refine %s is not finer than code %s; take a coarser code, or leave refine out",
                         refine_name(o->refine), index_code_name(o));
    if (o->refine_k != 0 && !(o->refine_k >= 1 && o->refine_k <= REFINE_K_MAX))
        return error_set(error, ERROR_INVALID_ARGUMENT, "refine_k is %g; it must be 1 to %d, or left out",
                         (double)o->refine_k, REFINE_K_MAX);
    if (o->refine_k != 0 && (o->refine == REFINE_NONE || is_values))
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "refine_k is given, but nothing is scored again with %s; leave it out",
                         is_values ? "code f32" : "refine none");
    return 0;
}

static int index_check(const struct index_options *o, uint32_t dim, struct error *error)
{
    const struct index_kind *kind = index_kind_of(o->kind);
    if (!kind)
        return error_set(error, ERROR_INVALID_ARGUMENT, "index kind %u is unknown; there are %s", o->kind,
                         index_kind_names());
    const struct code_ops *code = code_ops_of(o->code);
    if (!code && o->code != CODE_AUTO)
        return error_set(error, ERROR_INVALID_ARGUMENT, "code %d is unknown; it is %s", (int)o->code, code_names());
    if ((unsigned)o->refine > REFINE_BF16)
        return error_set(error, ERROR_INVALID_ARGUMENT, "refine %d is unknown; it is auto, none, f32, f16 or bf16",
                         (int)o->refine);
    if ((unsigned)o->links > LINKS_PACKED)
        return error_set(error, ERROR_INVALID_ARGUMENT, "links %d is unknown; it is auto, plain or packed",
                         (int)o->links);
    if (o->code_bits > (code ? code->bits_max : 0))
        return error_set(error, ERROR_INVALID_ARGUMENT, "code_bits is %u; it is 1 to 8 and only of code rabitq",
                         o->code_bits);
    int rc = refine_check(o, error);
    return rc == 0 ? kind->check_options(o, dim, error) : rc;
}

int collection_config_check(struct collection_config *c, struct error *error)
{
    int rc = name_check(c->name, error);
    if (rc < 0)
        return rc;
    rc = schema_check(c->schema, error);
    if (rc < 0)
        return rc;
    if (c->durability == 0)
        c->durability = DURABILITY_FLUSH;
    if (c->durability < DURABILITY_FLUSH || c->durability > DURABILITY_NONE)
        return error_set(error, ERROR_INVALID_ARGUMENT, "durability %d is unknown; it is flush, interval or none",
                         (int)c->durability);
    if (c->slots == 0)
        c->slots = SLOTS_DEFAULT;
    if (c->slots > SLOTS_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT, "slots is %u; at most %d", c->slots, SLOTS_MAX);
    for (size_t i = 0; rc == 0 && i < c->schema->vector_count; i++)
        rc = index_check(&c->schema->vectors[i].index, c->schema->vectors[i].dim, error);
    return rc < 0 ? rc : schema_check_implemented(c->schema, error);
}

int collection_config_copy(struct collection_config *to, const struct collection_config *from)
{
    *to = *from;
    to->schema = schema_copy(from->schema);
    return to->schema ? 0 : -ENOMEM;
}

void collection_config_fini(struct collection_config *c)
{
    schema_release(c->schema);
    c->schema = NULL;
}

void collection_config_replace(struct collection_config *c, struct schema *next)
{
    schema_release(c->schema);
    c->schema = next;
}

int collection_check_record(const struct collection_config *c, const struct record *r, struct error *error)
{
    const struct vector_spec *spec = collection_vector(c);
    const struct record_part *vector = record_part(r, RECORD_VECTOR, spec->number);
    const size_t size = vector_bytes(spec);
    if (r->unknown)
        return error_set(
            error, ERROR_VERSION,
            "the log has a record of '%s' with a part of kind %u, which this Kith does not know; start the "
            "version that wrote it",
            c->name, r->unknown);
    if (r->type == RECORD_UPSERT && !vector)
        return error_set(error, ERROR_CORRUPT, "the log has a point without a vector for '%s'", c->name);
    if (vector && vector->size != size)
        return error_set(error, ERROR_CORRUPT, "the log has a vector of %u bytes for '%s', whose vectors have %zu",
                         vector->size, c->name, size);
    return 0;
}
