/* one_vector.h -- the schema of one unnamed f32 vector, for tests. It lives
 * until the process ends. */
#pragma once

#include "columns/schema.h"
#include <stdlib.h>

static inline struct schema *one_vector_indexed(uint32_t dim, enum metric metric, struct index_options index)
{
    static struct kept {
        struct kept *next;
        struct schema *schema;
    } * kept; /* so that leak checks find the schemas */
    struct kept *k = malloc(sizeof(*k));
    struct schema *s = schema_create(1, 0);
    check(k && s);
    *k = (struct kept){kept, s};
    kept = k;
    s->vectors[0].type = VECTOR_F32;
    s->vectors[0].dim = dim;
    s->vectors[0].metric = metric;
    s->vectors[0].index = index;
    return s;
}

static inline struct schema *one_vector(uint32_t dim, enum metric metric)
{
    return one_vector_indexed(dim, metric, (struct index_options){0});
}
