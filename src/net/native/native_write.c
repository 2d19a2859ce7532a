/* native_write.c -- makes and sends answers.
 *
 * A fiber with an answer that finds no writer sends its answer, and then all that have become ready
 * meanwhile. One request at a time costs one call and no other fiber. With many requests one call
 * carries many answers. */
#include "kith.pb-c.h"
#include "net/native/frame.h"
#include "net/native/native.h"

#include <string.h>

/* A client that reads less than PIECE_BYTES in this time, about 8 KiB a second, is disconnected. */
#define PIECE_BYTES     ((size_t)256 << 10)
#define SEND_TIMEOUT_NS ((uint64_t)30000000000)
#define BATCH_MAX       32 /* answers in one call; two slices each */

static void finish(struct native_request *r)
{
    session_end(r->rq); /* also frees r */
}

static unsigned take_batch(struct native *n, struct slice *slices, struct native_request **batch, unsigned *ret_slices)
{
    unsigned count = 0, used = 0;
    while (n->replies_head && count < BATCH_MAX) {
        struct native_request *r = n->replies_head;
        n->replies_head = r->reply.next;
        if (!n->replies_head)
            n->replies_tail = &n->replies_head;
        batch[count++] = r;
        slices[used++] = (struct slice){r->reply.head, r->reply.head_bytes};
        if (r->reply.block_bytes)
            slices[used++] = (struct slice){r->reply.block, r->reply.block_bytes};
    }
    *ret_slices = used;
    return count;
}

/* Takes the slices from `from` bytes into the first on, up to PIECE_BYTES. Returns their number of
 * bytes. */
static size_t cut_piece(const struct slice *slices, unsigned count, size_t from, struct slice *ret, unsigned *ret_count)
{
    size_t size = 0;
    unsigned used = 0;
    for (unsigned i = 0; i < count && size < PIECE_BYTES; i++, from = 0) {
        const size_t left = slices[i].size - from, room = PIECE_BYTES - size;
        ret[used] = (struct slice){(const uint8_t *)slices[i].bytes + from, left < room ? left : room};
        size += ret[used++].size;
    }
    *ret_count = used;
    return size;
}

/* Sends piece by piece with a timeout for each, so that a client may be slow as long as it reads
 * steadily. */
static int send_pieces(struct native *n, const struct slice *slices, unsigned count)
{
    struct slice piece[2 * BATCH_MAX];
    size_t from = 0;
    while (count > 0) {
        unsigned used;
        size_t size = cut_piece(slices, count, from, piece, &used);
        int rc = stream_write(&n->stream, piece, used, clock_now_ns() + SEND_TIMEOUT_NS);
        if (rc < 0)
            return rc;
        n->core->metrics.bytes_sent += size;
        for (from += size; count > 0 && from >= slices->size; slices++, count--)
            from -= slices->size;
    }
    return 0;
}

static void send_slices(struct native *n, const struct slice *slices, unsigned count)
{
    if (n->broken)
        return; /* the peer is gone, so answers are dropped */
    if (send_pieces(n, slices, count) < 0) {
        n->broken = true;
        session_cancel_all(&n->session);
        stream_shutdown(&n->stream); /* wakes the reading fiber, which ends the connection */
    }
}

static void write_all(struct native *n)
{
    struct slice slices[2 * BATCH_MAX];
    struct native_request *batch[BATCH_MAX];
    while (n->replies_head) {
        unsigned slice_count, count = take_batch(n, slices, batch, &slice_count);
        send_slices(n, slices, slice_count);
        for (unsigned i = 0; i < count; i++)
            finish(batch[i]);
    }
}

void native_reply(struct native_request *r)
{
    struct native *n = r->native;
    r->reply.next = NULL;
    *n->replies_tail = r;
    n->replies_tail = &r->reply.next;
    if (n->writing)
        return;
    n->writing = true;
    write_all(n);
    n->writing = false;
    if (n->front->draining && native_is_idle(n))
        stream_shutdown(&n->stream); /* the last answer before the server stops */
    event_notify_all(&n->session.changed);
}

/* Writes header, meta and padding. */
static void head_put(uint8_t *head, const struct kith_frame_header *request, uint16_t flags, uint32_t word,
                     uint32_t meta_bytes, uint64_t block_bytes)
{
    struct kith_frame_header h = {
        .magic = KITH_MAGIC,
        .op = request->op,
        .flags = (uint16_t)(KITH_FLAG_REPLY | flags),
        .request_id = request->request_id,
        .meta_bytes = meta_bytes,
        .word = word,
        .block_bytes = block_bytes,
    };
    memcpy(head, &h, sizeof(h));
    memset(head + KITH_HEADER_BYTES + meta_bytes, 0, frame_padding(meta_bytes, block_bytes));
}

uint8_t *native_reply_room(struct native_request *r, uint64_t meta_bytes, const void *block, uint64_t block_bytes)
{
    if (meta_bytes > FRAME_BYTES_MAX ||
        KITH_HEADER_BYTES + meta_bytes + KITH_BLOCK_ALIGN + block_bytes > FRAME_BYTES_MAX)
        return NULL;
    size_t size = KITH_HEADER_BYTES + meta_bytes + frame_padding((uint32_t)meta_bytes, block_bytes);
    uint8_t *head = arena_alloc(size > 65536 ? &r->rq->answer : &r->rq->arena, size);
    if (!head)
        return NULL;
    head_put(head, &r->header, 0, 0, (uint32_t)meta_bytes, block_bytes);
    r->reply = (struct reply){.head = head, .head_bytes = size, .block = block, .block_bytes = block_bytes};
    return head + KITH_HEADER_BYTES;
}

int native_reply_too_large(struct native_request *r)
{
    return error_set(&r->rq->error, ERROR_RESOURCE_EXHAUSTED,
                     "the answer does not fit a frame of %u MiB or memory; ask for less at once",
                     (unsigned)(FRAME_BYTES_MAX >> 20));
}

bool native_reply_message(struct native_request *r, const ProtobufCMessage *meta, const void *block,
                          uint64_t block_bytes)
{
    uint8_t *to = native_reply_room(r, protobuf_c_message_get_packed_size(meta), block, block_bytes);
    if (to)
        protobuf_c_message_pack(meta, to);
    return to != NULL;
}

size_t native_error_frame(uint8_t *bytes, const struct kith_frame_header *request, const struct error *error)
{
    char text[ERROR_TEXT_MAX];
    memcpy(text, error->text, sizeof(text));
    text[sizeof(text) - 1] = 0;
    Kith__Error meta = KITH__ERROR__INIT;
    meta.text = text;
    meta.retry_after_ms = error->retry_after_ms;
    size_t meta_bytes = kith__error__pack(&meta, bytes + KITH_HEADER_BYTES);
    head_put(bytes, request, KITH_FLAG_ERROR, error->code, (uint32_t)meta_bytes, 0);
    return KITH_HEADER_BYTES + meta_bytes;
}

void native_reply_error(struct native_request *r, const struct error *error)
{
    r->native->core->metrics.errors[error->code]++;
    r->reply =
        (struct reply){.head = r->error_frame, .head_bytes = native_error_frame(r->error_frame, &r->header, error)};
}

void native_refuse(struct native *n, const struct kith_frame_header *request, const struct error *error)
{
    uint8_t bytes[NATIVE_ERROR_BYTES];
    struct slice slice = {bytes, native_error_frame(bytes, request, error)};
    n->core->metrics.errors[error->code]++;
    while (n->writing)
        event_wait(&n->session.changed);
    /* answers that become ready meanwhile are dropped, because the connection ends */
    n->writing = true;
    send_slices(n, &slice, 1);
    n->broken = true;
    n->writing = false;
    write_all(n);
}
