/* scratch.c -- arrays that grow to the largest search of a core and stay. A walk sets a bit for
 * each visited row, and logs the row. So clearing the bits takes no longer than the walk did. */
#include "index/scratch.h"

#include "base/bits.h"
#include "base/memory.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_PER_ID 4 /* words that memset() clears in the time of clearing one scattered word */

struct search_scratch *search_scratch_create(void)
{
    struct search_scratch *s = calloc(1, sizeof(*s));
    if (s && !(s->log = malloc((VISIT_LOG + HOP_MAX) * sizeof(*s->log)))) {
        free(s);
        return NULL;
    }
    return s;
}

static void pool_free(struct pool *p)
{
    free(p->cand);
    free(p->near.distances);
    free(p->near.ids);
}

static int pool_grow(struct pool *p, uint32_t ef)
{
    struct pool grown = {.cand = malloc((size_t)ef * sizeof(struct cand)), .capacity = ef};
    grown.near.distances = memory_aligned((size_t)ef * sizeof(float));
    grown.near.ids = memory_aligned((size_t)ef * sizeof(uint32_t));
    if (!grown.cand || !grown.near.distances || !grown.near.ids) {
        pool_free(&grown);
        return -ENOMEM;
    }
    pool_free(p);
    *p = grown;
    return 0;
}

void search_scratch_destroy(struct search_scratch *s)
{
    if (!s)
        return;
    pool_free(&s->pool);
    free(s->visited);
    free(s->log);
    free(s->query);
    free(s->hits);
    free(s);
}

int scratch_reserve(struct search_scratch *s, uint32_t ids, uint32_t ef, size_t query_bytes, uint32_t hits)
{
    size_t words = bits_words(ids);
    if (words > s->visited_words) {
        uint64_t *grown = memory_aligned((words + words / 4) * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        free(s->visited); /* all bits are clear, so nothing needs to be copied */
        s->visited = grown;
        s->visited_words = words + words / 4;
        s->log_count = 0;
    }
    if (ef > s->pool.capacity) {
        int rc = pool_grow(&s->pool, ef);
        if (rc < 0)
            return rc;
    }
    if (query_bytes > s->query_bytes) {
        void *grown = memory_aligned(query_bytes);
        if (!grown)
            return -ENOMEM;
        free(s->query);
        s->query = grown;
        s->query_bytes = query_bytes;
    }
    if (hits > s->hits_capacity) {
        struct hit *grown = malloc((size_t)hits * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        free(s->hits);
        s->hits = grown;
        s->hits_capacity = hits;
    }
    return 0;
}

void scratch_clear(struct search_scratch *s)
{
    if (s->log_overflow || s->visited_words < WORDS_PER_ID * (size_t)s->log_count)
        memset(s->visited, 0, s->visited_words * sizeof(*s->visited));
    else
        for (uint32_t i = 0; i < s->log_count; i++)
            s->visited[s->log[i] / 64] = 0;
    s->log_count = s->log_forgotten = 0;
    s->log_overflow = false;
}

uint64_t search_scratch_bytes(const struct search_scratch *s)
{
    return sizeof(*s) + (VISIT_LOG + HOP_MAX) * sizeof(*s->log) + s->visited_words * sizeof(*s->visited) +
           2 * s->pool.capacity * sizeof(*s->pool.cand) + s->query_bytes + s->hits_capacity * sizeof(*s->hits);
}
