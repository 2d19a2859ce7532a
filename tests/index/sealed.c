#include "sealed.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void sealed_init(struct sealed *s, enum dataset_kind kind, enum metric metric, uint32_t dim, uint32_t count,
                 const struct index_options *options)
{
    sealed_init_asked(s, kind, metric, dim, count, options, NULL);
}

void sealed_init_asked(struct sealed *s, enum dataset_kind kind, enum metric metric, uint32_t dim, uint32_t count,
                       const struct index_options *options, const struct query_sample *queries)
{
    dataset_init(&s->d, kind, metric, dim, count, 41);
    s->x = dataset_index_of(&s->d, options);
    segment_index_lend_queries(s->x, queries);
    cr_assert_eq(segment_index_finish(s->x, &s->d.rows, NULL, NULL), 0);
    cr_assert_eq(segment_index_regions(s->x, s->regions, &s->count), 0);
    for (unsigned i = 0; i < s->count; i++) {
        cr_assert_leq(strlen(s->regions[i].name), 15);
        s->copy[i] = malloc(s->regions[i].size + !s->regions[i].size);
        if (s->regions[i].size)
            memcpy(s->copy[i], s->regions[i].bytes, s->regions[i].size);
        s->regions[i].bytes = s->copy[i];
    }
}

void sealed_fini(struct sealed *s)
{
    for (unsigned i = 0; i < s->count; i++)
        free(s->copy[i]);
    segment_index_destroy(s->x);
    dataset_fini(&s->d);
}

int sealed_open(const struct sealed *s, bool copy_hot, struct segment_index **ret)
{
    const char *why = NULL;
    int rc = segment_index_open(s->d.metric, s->d.dim, s->d.count, s->regions, s->count, copy_hot, NULL, ret, &why);
    cr_assert_eq(rc == -EINVAL || rc == -ENOTSUP, why != NULL);
    return rc;
}
