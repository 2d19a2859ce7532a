/* fuzz_manifest.c -- the manifest from any bytes; its envelope is mended for every other input, so that the body is reached. */
#include "base/checksum.h"
#include "shards/manifest_parse.h"

#include <stdlib.h>
#include <string.h>

#define ENVELOPE 16

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct manifest m;
    struct error e;
    uint8_t *bytes = malloc(size + 1);
    if (!bytes)
        return 0;
    if (size)
        memcpy(bytes, input, size);
    if (size > ENVELOPE && input[0] & 1) {
        uint32_t head[4] = {0x4e414d4bu, 1, (uint32_t)(size - ENVELOPE), 0};
        head[3] = checksum_crc32c(1, bytes + ENVELOPE, size - ENVELOPE);
        memcpy(bytes, head, sizeof(head));
    }
    if (manifest_parse(bytes, size, &m, "fuzz", &e) == 0)
        manifest_fini(&m);
    free(bytes);
    return 0;
}
