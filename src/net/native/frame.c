/* frame.c -- parses headers of frames. The struct is the layout, because Kith runs on little-endian
 * machines only; the compiler checks that. */
#include "net/native/frame.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "frames are little-endian");
static_assert(sizeof(struct kith_frame_header) == KITH_HEADER_BYTES, "the header has no holes");

static int check_magic(const uint8_t *bytes, size_t n, struct error *error)
{
    static const uint8_t magic[4] = {'K', 'I', 'T', 'H'};
    size_t have = n < sizeof(magic) ? n : sizeof(magic);
    if (memcmp(bytes, magic, have) == 0)
        return 0;
    if (memcmp(bytes, "GET ", have) == 0 || memcmp(bytes, "POST", have) == 0 || memcmp(bytes, "HEAD", have) == 0)
        return error_set(error, ERROR_PROTOCOL,
                         "this port speaks Kith's native protocol, not HTTP; see the --http option");
    return error_set(error, ERROR_PROTOCOL,
                     "these bytes are not a frame of Kith, which begins with the bytes 4b 49 54 48 (KITH)");
}

int frame_parse(const void *bytes, size_t n, struct kith_frame_header *ret, struct error *error)
{
    int rc = check_magic(bytes, n, error);
    if (rc < 0)
        return rc;
    if (n < KITH_HEADER_BYTES)
        return 0;
    struct kith_frame_header h;
    memcpy(&h, bytes, sizeof(h));
    if (h.flags != 0)
        return error_set(error, ERROR_PROTOCOL, "the flags of a request must be 0, not %u", h.flags);
    if (h.meta_bytes > FRAME_META_MAX)
        return error_set(error, ERROR_PROTOCOL, "a meta of %u bytes is larger than the limit of %u; send less at once",
                         h.meta_bytes, FRAME_META_MAX);
    if (h.block_bytes > FRAME_BYTES_MAX || KITH_HEADER_BYTES + frame_body_bytes(&h) > FRAME_BYTES_MAX)
        return error_set(error, ERROR_PROTOCOL,
                         "a frame with a block of %" PRIu64 " bytes is larger than the limit of %" PRIu64
                         "; send less at once",
                         h.block_bytes, FRAME_BYTES_MAX);
    *ret = h;
    return 1;
}

static uint32_t meta_max(uint16_t op)
{
    switch (op) {
    case KITH_OP_UPSERT: return FRAME_META_MAX; /* payloads */
    case KITH_OP_CREATE: return FRAME_META_CREATE;
    case KITH_OP_SEARCH: return FRAME_META_SEARCH; /* filters */
    case KITH_OP_DELETE:
    case KITH_OP_GET: return FRAME_META_DELETE;
    default: return FRAME_META_SMALL;
    }
}

int frame_check(const struct kith_frame_header *h, struct error *error)
{
    const uint32_t most = meta_max(h->op);
    const bool vectors = h->op == KITH_OP_UPSERT || h->op == KITH_OP_SEARCH;
    if (!frame_op_known(h->op))
        return error_set(error, ERROR_INVALID_ARGUMENT, "operation %u is not known to this server; use a newer one",
                         h->op);
    if (h->meta_bytes > most)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "the meta of operation %u may have %u bytes at most, but has %u; send less at once", h->op,
                         most, h->meta_bytes);
    if (h->block_bytes > 0 && !vectors)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "this operation takes no block, but one of %" PRIu64 " bytes was sent", h->block_bytes);
    return 0;
}
