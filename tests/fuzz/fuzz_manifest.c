/* fuzz_manifest.c -- any bytes as the manifest. For half of the inputs the checksums of head and
 * blocks are corrected, so that the bodies are reached. Such an input is a list of blocks, each
 * with a kind, a size and a body. */
#include "base/checksum.h"
#include "shards/manifest/manifest_parse.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_HEAD  24
#define BLOCKS_MAX  64
#define BLOCK_MAGIC 0x4b424d4bu

struct mended {
    uint8_t *bytes;
    size_t size;
    uint64_t state_bytes, blocks;
};

static void add_block(struct mended *m, uint32_t kind, const uint8_t *body, uint32_t size)
{
    const size_t padded = (size + 7u) & ~7u;
    uint8_t *block = m->bytes + m->size;
    const uint64_t number = ++m->blocks;
    const uint32_t head[2] = {BLOCK_MAGIC, size}, tail[2] = {kind, 0};
    memset(block, 0, BLOCK_HEAD + padded);
    memcpy(block, head, sizeof(head));
    memcpy(block + 8, &number, sizeof(number));
    memcpy(block + 16, tail, sizeof(tail));
    if (size)
        memcpy(block + BLOCK_HEAD, body, size);
    const uint32_t crc = checksum_crc32c(MANIFEST_FORMAT, block, BLOCK_HEAD + padded);
    memcpy(block + 20, &crc, sizeof(crc));
    m->size += BLOCK_HEAD + padded;
    if (kind == 1)
        m->state_bytes += BLOCK_HEAD + padded;
}

/* Makes blocks of the input: a byte gives the kind, two bytes give the size. */
static void mend(struct mended *m, const uint8_t *input, size_t size)
{
    m->size = MANIFEST_HEAD_BYTES;
    bool changes = false;
    for (size_t at = 1; size - at >= 3 && at + 3 <= size && m->blocks < BLOCKS_MAX;) {
        const size_t rest = size - at - 3, wanted = input[at + 1] | (size_t)input[at + 2] << 8;
        const size_t n = wanted < rest ? wanted : rest;
        changes |= input[at] & 1;
        add_block(m, changes ? 2 : 1, input + at + 3, (uint32_t)n);
        at += 3 + n;
    }
    manifest_pack_head(m->state_bytes, m->bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct manifest m;
    struct error e;
    struct mended mended = {.bytes = malloc(size + MANIFEST_HEAD_BYTES + BLOCKS_MAX * (BLOCK_HEAD + 8))};
    if (!mended.bytes)
        return 0;
    if (size > 0 && input[0] & 1) {
        mend(&mended, input, size);
    } else {
        mended.size = size;
        if (size)
            memcpy(mended.bytes, input, size);
    }
    if (manifest_parse(mended.bytes, mended.size, &m, NULL, NULL, "fuzz", &e) == 0)
        manifest_fini(&m);
    free(mended.bytes);
    return 0;
}
