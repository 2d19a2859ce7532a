/* fuzz_container.c -- any bytes as the file of a segment: it is parsed, every slice is checked, and
 * the index is opened. The checksum of the footer is corrected first; otherwise no input would get
 * past it. */
#include "base/checksum.h"
#include "index/segment_index.h"
#include "shards/segment/container_format.h"
#include "shards/segment/segment_file.h"

#include <stdlib.h>
#include <string.h>

static void mend(uint8_t *bytes, size_t size)
{
    struct container_head head = {.magic = CONTAINER_MAGIC, .format = CONTAINER_FORMAT};
    struct container_footer f;
    if (size < sizeof(head) + sizeof(f))
        return;
    memcpy(bytes, &head, sizeof(head));
    memcpy(&f, bytes + size - sizeof(f), sizeof(f));
    f.magic = CONTAINER_MAGIC;
    f.format = CONTAINER_FORMAT;
    f.directory_offset %= size;
    if (f.directory_offset <= size - sizeof(f)) {
        f.directory_size = size - sizeof(f) - f.directory_offset;
        f.directory_crc = checksum_crc32c(CONTAINER_FORMAT, bytes + f.directory_offset, f.directory_size);
    }
    memcpy(bytes + size - sizeof(f), &f, sizeof(f));
}

#define DIM_TRIED   64
#define COUNT_TRIED 64

/* What the manifest would say of the index. If the header has a small value, that value is taken,
 * so that inputs get past the first check. */
struct told {
    uint32_t version, metric, dim, count;
};

static struct told told_of(const struct container *c)
{
    const struct container_region *header = container_find(c, "v0.header");
    struct told t = {0};
    if (header && header->size >= sizeof(t))
        memcpy(&t, c->bytes + header->offset, sizeof(t));
    if (t.metric < METRIC_L2 || t.metric > METRIC_COSINE)
        t.metric = METRIC_L2;
    if (t.dim < 1 || t.dim > DIM_TRIED)
        t.dim = 1 + (uint32_t)(c->size % 16);
    if (t.count > COUNT_TRIED)
        t.count = (uint32_t)(c->size % 32);
    return t;
}

static void search(const struct segment_index *x, const struct told *t)
{
    static uint8_t vectors[(COUNT_TRIED + 1) * DIM_TRIED * sizeof(float)];
    uint8_t *chunk = vectors;
    const struct rows rows = {&chunk, rows_stride(t->dim * sizeof(float)), 31};
    const struct search_params params = {.k = 3, .ef = 8};
    struct search_scratch *scratch = search_scratch_create();
    struct hit hits[3];
    if (scratch && segment_index_search(x, &rows, t->count, (const float *)vectors, &params, scratch, hits) > 3)
        abort();
    search_scratch_destroy(scratch);
}

static void open_index(const struct container *c)
{
    struct index_region *regions = calloc(c->region_count + 1, sizeof(*regions));
    unsigned n = 0;
    for (unsigned i = 0; regions && i < c->region_count; i++) {
        const struct region_owner owner = region_owner(c->regions[i].name);
        if (owner.kind == 'v')
            regions[n++] = (struct index_region){owner.rest, c->bytes + c->regions[i].offset, c->regions[i].size};
    }
    struct segment_index *x;
    const char *why;
    const struct told t = told_of(c);
    if (segment_index_open(t.metric, t.dim, t.count, regions, n, false, NULL, &x, &why) == 0) {
        search(x, &t);
        segment_index_destroy(x);
    }
    free(regions);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    uint8_t *bytes = memory_aligned(size); /* as aligned as a mapping */
    struct container c;
    struct error e;
    if (!bytes || size == 0) {
        free(bytes);
        return 0;
    }
    memcpy(bytes, input, size);
    if (input[0] & 1)
        mend(bytes, size);
    if (container_parse(bytes, size, "fuzz", &c, &e) == 0) {
        for (unsigned i = 0; i < c.region_count; i++) {
            struct container_check check = {.region = &c.regions[i]};
            while (container_check_piece(&c, &check, "fuzz", &e) > 0)
                ;
        }
        open_index(&c);
    }
    container_fini(&c);
    free(bytes);
    return 0;
}
