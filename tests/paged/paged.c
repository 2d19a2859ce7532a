/* paged.c -- rows in pages: a checksum, then the page's first row, then vectors one behind the
 * other, as many as fit 4 KiB or one. Every page says where it belongs, so that a page that the
 * disk gives in the place of another is not believed. */
#include "paged.h"

#include "base/checksum.h"
#include "base/memory_use.h"
#include "index/autoindex.h"
#include "index/scratch.h"
#include "index/segment_index.h"
#include "index/topk.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES 4096
#define BATCH      4 /* pages that are fetched at a time */

struct page_head {
    uint32_t crc, first; /* of all behind it; row */
};

struct paged {
    struct index base;
    uint32_t count;
    uint8_t *made;        /* by finish(); owned */
    const uint8_t *pages; /* opened: where they lie, not to be touched; NULL: it grows */
};

struct paged_counts paged_counts;

static uint32_t vector_bytes(const struct index_host *host)
{
    return host->dim * (uint32_t)sizeof(float);
}

static uint32_t rows_per_page(const struct index_host *host)
{
    const uint32_t fit = (PAGE_BYTES - (uint32_t)sizeof(struct page_head)) / vector_bytes(host);
    return fit ? fit : 1;
}

static uint32_t page_bytes(const struct index_host *host)
{
    return rows_stride(sizeof(struct page_head) + (size_t)rows_per_page(host) * vector_bytes(host));
}

static uint64_t all_bytes(const struct index_host *host, uint32_t rows)
{
    return ((uint64_t)rows + rows_per_page(host) - 1) / rows_per_page(host) * page_bytes(host);
}

/* -- options: there are none -- */

static int check_options(const struct index_options *o, uint32_t dim, struct error *error)
{
    return o->m ? error_set(error, ERROR_INVALID_ARGUMENT, "index paged takes no m; leave it out") : 0;
}

static void resolve(struct index_options *o, uint32_t rows)
{
    o->code = CODE_F32;
    o->refine = REFINE_NONE;
    o->refine_k = 1;
    o->links = LINKS_PLAIN;
}

static void say(const struct index_options *o, const struct index *x, uint32_t rows, struct index_why *why)
{
    index_why_add(why, "paged (given)");
}

static uint32_t row_bytes(const struct index_options *o)
{
    return 0;
}

static uint64_t memory(const struct index_host *host, uint32_t rows, unsigned shares)
{
    return sizeof(struct paged) + all_bytes(host, rows);
}

/* -- its life -- */

static int create(const struct index_host *host, struct index **ret)
{
    struct paged *x = calloc(1, sizeof(*x));
    if (!x)
        return -ENOMEM;
    x->base = (struct index){&index_paged, host, &x->count};
    *ret = &x->base;
    return 0;
}

static void destroy(struct index *x)
{
    free(((struct paged *)x)->made);
    free(x);
}

static void count_memory(const struct index *x, struct memory_use *use)
{
    const struct paged *p = (const struct paged *)x;
    use->bytes[MEMORY_CODES] += sizeof(*p) + (p->made ? all_bytes(x->host, p->count) : 0);
}

static int build(struct index *x, const struct index_job *job)
{
    struct paged *p = (struct paged *)x;
    p->count = job->count > p->count ? job->count : p->count;
    return 0;
}

static void make_page(const struct paged *p, const struct rows *vectors, uint32_t first, uint8_t *page)
{
    const struct index_host *host = p->base.host;
    struct page_head head = {.first = first};
    for (uint32_t i = 0; i < rows_per_page(host) && first + i < p->count; i++)
        memcpy(page + sizeof(head) + (size_t)i * vector_bytes(host), rows_at(vectors, first + i), vector_bytes(host));
    memcpy(page, &head, sizeof(head));
    head.crc = checksum_crc32c(0, page + sizeof(head.crc), page_bytes(host) - sizeof(head.crc));
    memcpy(page, &head, sizeof(head));
}

static int finish(struct index *x, const struct index_job *job)
{
    struct paged *p = (struct paged *)x;
    const struct index_host *host = x->host;
    free(p->made);
    p->made = calloc(1, all_bytes(host, p->count) + 1);
    if (!p->made)
        return -ENOMEM;
    int rc = 0;
    uint8_t *page = p->made;
    for (uint32_t first = 0; rc == 0 && first < p->count; first += rows_per_page(host), page += page_bytes(host)) {
        make_page(p, job->vectors, first, page);
        rc = pause_here(job->pause);
    }
    return rc;
}

/* -- searching -- */

/* Rows that grow are scanned by their vectors. */
static uint32_t effort(const struct index *x, const struct index_query *q)
{
    return ((const struct paged *)x)->pages && q->fetch ? 1 : 0;
}

static int take_page(const struct index *x, struct index_query *q, const uint8_t *page, uint32_t first)
{
    const struct index_host *host = x->host;
    struct page_head head;
    memcpy(&head, page, sizeof(head));
    if (head.crc != checksum_crc32c(0, page + sizeof(head.crc), page_bytes(host) - sizeof(head.crc)) ||
        head.first != first) {
        paged_counts.damaged++;
        return -EBADMSG;
    }
    for (uint32_t i = 0; i < rows_per_page(host) && first + i < q->limit; i++) {
        const void *row = page + sizeof(head) + (size_t)i * vector_bytes(host);
        float distance;
        if (q->allowed && !(q->allowed[(first + i) / 64] >> ((first + i) % 64) & 1))
            continue;
        vectors_distances(host->metric, q->vector, &row, 1, host->dim, &distance);
        topk_add(q->top, distance, first + i);
    }
    paged_counts.pages++;
    return 0;
}

static int search_batch(const struct index *x, struct index_query *q, uint32_t page, unsigned n, uint8_t *room)
{
    const uint32_t bytes = page_bytes(x->host);
    struct page_read reads[BATCH];
    for (unsigned i = 0; i < n; i++)
        reads[i] = (struct page_read){((const struct paged *)x)->pages + (size_t)(page + i) * bytes,
                                      room + (size_t)i * bytes, bytes};
    int rc = q->fetch(q->fetch_arg, reads, n);
    paged_counts.failed += rc < 0;
    for (unsigned i = 0; rc == 0 && i < n; i++)
        rc = take_page(x, q, room + (size_t)i * bytes, (page + i) * rows_per_page(x->host));
    return rc == 0 ? pause_here(q->pause) : rc;
}

static int search(const struct index *x, struct index_query *q)
{
    const uint32_t pages = (uint32_t)(all_bytes(x->host, q->limit) / page_bytes(x->host));
    uint8_t *room = malloc((size_t)BATCH * page_bytes(x->host));
    int rc = room ? 0 : -ENOMEM;
    for (uint32_t page = 0; rc == 0 && page < pages; page += BATCH)
        rc = search_batch(x, q, page, pages - page < BATCH ? pages - page : BATCH, room);
    free(room);
    return rc;
}

static double cost_ns(const struct index *x, const struct index_query *q)
{
    /* most of it waits for the disk */
    return 100e3 + q->allowed_count * .1 * vector_bytes(x->host);
}

/* -- sealing -- */

static int save(struct index *x, struct index_regions *ret)
{
    const struct paged *p = (const struct paged *)x;
    if (!p->made)
        return -EINVAL;
    index_regions_add(ret, "pages", p->made, all_bytes(x->host, p->count));
    return 0;
}

static int open_paged(const struct index_host *host, struct index_opening *o, struct index **ret)
{
    const struct index_region *r = index_region_of_size(o, "pages", all_bytes(host, o->count));
    if (!r)
        return index_region_wrong(o, "the pages are missing, or others than there should be");
    resolve(host->options, o->count);
    int rc = create(host, ret);
    if (rc < 0)
        return rc;
    struct paged *p = (struct paged *)*ret;
    p->count = o->count;
    p->pages = r->bytes;
    return 0;
}

const struct index_kind index_paged = {
    .name = "paged",
    .id = PAGED_ID,
    .version = 1,
    .features = INDEX_NO_TRAIN | INDEX_EXACT | INDEX_MMAP | INDEX_DISK | INDEX_FILTERED,
    .check_options = check_options,
    .resolve = resolve,
    .say = say,
    .row_bytes = row_bytes,
    .memory = memory,
    .create = create,
    .destroy = destroy,
    .count_memory = count_memory,
    .build = build,
    .finish = finish,
    .effort = effort,
    .search = search,
    .cost_ns = cost_ns,
    .save = save,
    .open = open_paged,
};
