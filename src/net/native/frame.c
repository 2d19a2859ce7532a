/* frame.c -- the struct is the layout: all of Kith's machines are little-endian, and the compiler
 * is asked whether this is one. */
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
    return error_set(error, ERROR_PROTOCOL, "these bytes are no frame: it begins with KITH, byte by byte 4b 49 54 48");
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
        return error_set(error, ERROR_PROTOCOL, "the flags of a request are 0, not %u", h.flags);
    if (h.meta_bytes > FRAME_META_MAX)
        return error_set(error, ERROR_PROTOCOL, "meta of %u bytes is more than the %u allowed", h.meta_bytes,
                         FRAME_META_MAX);
    if (h.block_bytes > FRAME_BYTES_MAX || KITH_HEADER_BYTES + frame_body_bytes(&h) > FRAME_BYTES_MAX)
        return error_set(error, ERROR_PROTOCOL,
                         "a frame with a block of %" PRIu64 " bytes is more than the %" PRIu64 " allowed",
                         h.block_bytes, FRAME_BYTES_MAX);
    *ret = h;
    return 1;
}

static uint32_t meta_max(uint16_t op)
{
    switch (op) {
    case KITH_OP_UPSERT: return FRAME_META_MAX; /* payloads */
    case KITH_OP_CREATE: return FRAME_META_CREATE;
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
        return error_set(error, ERROR_INVALID_ARGUMENT, "operation %u has at most %u bytes of meta, but %u were sent",
                         h->op, most, h->meta_bytes);
    if (h->block_bytes > 0 && !vectors)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "this operation has no block, but %" PRIu64 " bytes of one were sent", h->block_bytes);
    return 0;
}
