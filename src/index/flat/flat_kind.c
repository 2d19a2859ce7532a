/* flat_kind.c -- the index kind FLAT, which has no structure. Every search compares the query
 * with all allowed vectors, so every answer is exact, whatever recall or effort was asked for.
 * It holds a row from the moment it is appended.
 *
 * There is no search() here. The rows of a kind without effort() are scanned by their
 * vectors (search.c, flat.c). */
#include "base/memory_use.h"
#include "index/autoindex.h"
#include "index/kind.h"

#include <errno.h>
#include <stdlib.h>

/* kinds.c declares it too. */
extern const struct index_kind index_flat;

struct flat {
    struct index base;
    uint32_t count;
};

static struct flat *flat_of(struct index *x)
{
    return (struct flat *)x;
}

static int refuse(struct error *error, const char *option)
{
    return error_set(error, ERROR_INVALID_ARGUMENT,
                     "index flat compares the vectors themselves and takes no %s; leave it out, or take another index",
                     option);
}

static int check_options(const struct index_options *o, uint32_t dim, struct error *error)
{
    if (o->m || o->ef_construct)
        return refuse(error, o->m ? "m" : "ef_construct");
    if (o->code != CODE_AUTO && o->code != CODE_F32)
        return refuse(error, "code but f32");
    if (o->refine > REFINE_NONE || o->refine_k != 0)
        return refuse(error, o->refine_k != 0 ? "refine_k" : "refine");
    return o->links != LINKS_AUTO ? refuse(error, "links") : 0;
}

/* The options that describe FLAT: rows are scored by their values only. */
static void resolve(struct index_options *o, uint32_t rows)
{
    o->code = CODE_F32;
    o->refine = REFINE_NONE;
    o->refine_k = 1;
    o->links = LINKS_PLAIN;
}

static void say(const struct index_options *o, const struct index *x, uint32_t rows, struct index_why *why)
{
    index_why_add(why, "flat (given)");
}

static uint32_t row_bytes(const struct index_options *o)
{
    return 0;
}

static uint64_t memory(const struct index_host *host, uint32_t rows, unsigned shares)
{
    return sizeof(struct flat);
}

static int create(const struct index_host *host, struct index **ret)
{
    struct flat *x = calloc(1, sizeof(*x));
    if (!x)
        return -ENOMEM;
    x->base = (struct index){&index_flat, host, &x->count};
    *ret = &x->base;
    return 0;
}

static void destroy(struct index *x)
{
    free(flat_of(x));
}

static void count_memory(const struct index *x, struct memory_use *use)
{
    use->bytes[MEMORY_CODES] += sizeof(struct flat);
}

static void append(struct index *x, const struct rows *vectors, uint32_t row)
{
    if (row >= flat_of(x)->count)
        flat_of(x)->count = row + 1;
}

static int build(struct index *x, const struct index_job *job)
{
    if (job->count > flat_of(x)->count)
        flat_of(x)->count = job->count;
    return 0;
}

static int open_flat(const struct index_host *host, struct index_opening *o, struct index **ret)
{
    resolve(host->options, o->count);
    const int rc = create(host, ret);
    if (rc == 0)
        flat_of(*ret)->count = o->count;
    return rc;
}

const struct index_kind index_flat = {
    .name = "flat",
    .id = 1,
    .version = 1,
    .features = INDEX_NO_TRAIN | INDEX_EXACT | INDEX_APPENDS | INDEX_MMAP | INDEX_FILTERED,
    .check_options = check_options,
    .resolve = resolve,
    .say = say,
    .row_bytes = row_bytes,
    .memory = memory,
    .create = create,
    .destroy = destroy,
    .count_memory = count_memory,
    .append = append,
    .build = build,
    .open = open_flat,
};
