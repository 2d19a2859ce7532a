/* Checks answers. They come from a network, so every count is compared with the others before the
 * caller sees any of them. */
#include "connection.h"
#include "kith.pb-c.h"

#include <stdint.h>
#include <string.h>

int reply_unpack(struct kith *k, const struct frame *f, const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret)
{
    *ret = protobuf_c_message_unpack(type, &k->arena.allocator, f->header.meta_bytes, f->meta);
    if (!*ret)
        return kith_break(k, KITH_PROTOCOL, "the server's %s cannot be read", type->short_name);
    return 0;
}

int reply_code(struct kith *k, const struct frame *f)
{
    if (!(f->header.flags & KITH_FLAG_ERROR))
        return 0;
    uint32_t code = f->header.word;
    if (code == 0 || code >= KITH_SERVER_CODES)
        code = KITH_INTERNAL;
    ProtobufCMessage *m;
    int rc = reply_unpack(k, f, &kith__error__descriptor, &m);
    if (rc < 0)
        return rc;
    const Kith__Error *e = (const Kith__Error *)m;
    rc = kith_fail(k, (int)code, "%s", e->text[0] ? e->text : "the server gave no reason");
    k->retry_after_ms = e->retry_after_ms;
    return rc;
}

static int inconsistent(struct kith *k, const char *what)
{
    return kith_break(k, KITH_PROTOCOL, "the server's answer contradicts itself: %s", what);
}

static int counts_fill(struct kith *k, const Kith__Points *p, const struct request *r, struct kith_result *ret)
{
    if (p->n_counts != r->queries)
        return inconsistent(k, "not one count a query");
    uint64_t all = 0;
    for (size_t i = 0; i < p->n_counts; i++)
        all += p->counts[i];
    if (r->queries > 0 && all != p->n_id_lo)
        return inconsistent(k, "the counts and the ids");
    if (p->n_scores != (r->queries > 0 ? p->n_id_lo : 0))
        return inconsistent(k, "the scores and the ids");
    ret->queries = p->n_counts;
    ret->counts = p->counts;
    ret->scores = p->scores;
    return 0;
}

static int ids_fill(struct kith *k, const Kith__Points *p, struct kith_result *ret)
{
    if (p->n_id_hi != 0 && p->n_id_hi != p->n_id_lo)
        return inconsistent(k, "the halves of the ids");
    struct kith_id *ids = reply_arena_alloc(&k->arena, p->n_id_lo * sizeof(*ids));
    if (!ids)
        return kith_break(k, KITH_NO_MEMORY, "no memory for %zu ids", p->n_id_lo);
    for (size_t i = 0; i < p->n_id_lo; i++)
        ids[i] = (struct kith_id){p->n_id_hi ? id_upper_swap(p->id_hi[i]) : 0, p->id_lo[i]};
    ret->count = p->n_id_lo;
    ret->ids = ids;
    return 0;
}

static int payloads_fill(struct kith *k, const Kith__Points *p, struct kith_result *ret)
{
    size_t n = ret->count;
    if (p->n_payload_sizes != 0 && p->n_payload_sizes != n)
        return inconsistent(k, "the payloads and the ids");
    uint64_t all = 0;
    for (size_t i = 0; i < p->n_payload_sizes; i++)
        all += p->payload_sizes[i];
    if (all != p->payloads.len)
        return inconsistent(k, "the sizes of the payloads");
    const char **list = reply_arena_alloc(&k->arena, n * sizeof(*list));
    uint32_t *sizes = reply_arena_alloc(&k->arena, n * sizeof(*sizes));
    char *bytes = reply_arena_alloc(&k->arena, all + n);
    if (!list || !sizes || !bytes)
        return kith_break(k, KITH_NO_MEMORY, "no memory for %zu payloads", n);
    const uint8_t *from = p->payloads.data;
    for (size_t i = 0; i < n; i++) { /* copies each, with a 0 byte behind it */
        sizes[i] = p->n_payload_sizes ? p->payload_sizes[i] : 0;
        if (sizes[i] > 0)
            memcpy(bytes, from, sizes[i]);
        bytes[sizes[i]] = 0;
        list[i] = bytes;
        bytes += sizes[i] + 1;
        from += sizes[i];
    }
    ret->payloads = list;
    ret->payload_sizes = sizes;
    return 0;
}

static int vectors_fill(struct kith *k, const struct frame *f, const struct request *r, struct kith_result *ret)
{
    uint64_t row_bytes = (uint64_t)r->dim * sizeof(float);
    if (r->dim == 0 && ret->count > 0) /* the caller has not said which dimension it expects */
        row_bytes = f->header.block_bytes / ret->count;
    if (row_bytes * ret->count != f->header.block_bytes || row_bytes % sizeof(float) != 0)
        return inconsistent(k, "the vectors and the ids");
    if (ret->count == 0)
        return 0;
    ret->vectors = (const float *)f->block;
    if ((uintptr_t)f->block % _Alignof(float) != 0) { /* a frame may begin at any byte */
        float *copy = reply_arena_alloc(&k->arena, f->header.block_bytes);
        if (!copy)
            return kith_break(k, KITH_NO_MEMORY, "no memory for %zu vectors", ret->count);
        ret->vectors = memcpy(copy, f->block, f->header.block_bytes);
    }
    return 0;
}

int reply_points(struct kith *k, const struct frame *f, const struct request *r, struct kith_result *ret)
{
    ProtobufCMessage *m;
    *ret = (struct kith_result){0};
    int rc = reply_unpack(k, f, &kith__points__descriptor, &m);
    if (rc < 0)
        return rc;
    const Kith__Points *p = (const Kith__Points *)m;
    rc = counts_fill(k, p, r, ret);
    if (rc == 0)
        rc = ids_fill(k, p, ret);
    if (rc == 0 && r->with_payloads)
        rc = payloads_fill(k, p, ret);
    if (rc == 0 && r->with_vectors)
        rc = vectors_fill(k, f, r, ret);
    return rc;
}
