/* fuzz_container.c -- a segment's file from any bytes: parsed, every slice checked, the index opened. The footer's checksum is mended first, or
 * no input would get past it. */
#include "base/checksum.h"
#include "index/segment_index.h"
#include "shards/container_format.h"

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

static void open_index(const struct container *c)
{
    struct index_region regions[SEGMENT_INDEX_REGIONS];
    unsigned n = 0;
    for (unsigned i = 0; i < c->region_count && n < SEGMENT_INDEX_REGIONS; i++)
        regions[n++] = (struct index_region){c->regions[i].name, c->bytes + c->regions[i].offset, c->regions[i].size};
    struct segment_index *x;
    const char *why;
    uint32_t dim = 1 + (uint32_t)(c->size % 16), count = (uint32_t)(c->size % 32);
    if (segment_index_open(METRIC_L2, dim, count, regions, n, false, NULL, &x, &why) == 0)
        segment_index_destroy(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    uint8_t *bytes = memory_aligned(size); /* a mapping is aligned too */
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
    free(bytes);
    return 0;
}
