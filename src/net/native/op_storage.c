/* op_storage.c -- the operations on stored data: seal, compact, verify. */
#include "net/native/exchange.h"
#include "net/native/meta/meta.h"
#include "net/native/operation.h"

#include <errno.h>
#include <string.h>

/* -- seal, compact -- */

int op_seal(struct native_request *r, const void *message)
{
    const Kith__Seal *ask = message;
    Kith__Sealed answered = KITH__SEALED__INIT;
    int rc = router_seal(r->rq, ask->collection);
    return rc < 0 ? rc : exchange_answer(r, &answered.base);
}

int op_compact(struct native_request *r, const void *message)
{
    const Kith__Compact *ask = message;
    Kith__Compacted answered = KITH__COMPACTED__INIT;
    int rc = router_compact(r->rq, ask->collection);
    return rc < 0 ? rc : exchange_answer(r, &answered.base);
}

/* -- verify -- */

/* The cursor of a check, as bytes that the client returns unchanged. */
struct packed_cursor {
    uint64_t kind, item, offset;
};

static int cursor_take(struct native_request *r, const ProtobufCBinaryData *from, struct verify_cursor *to)
{
    struct packed_cursor p = {0};
    if (from->len != 0 && from->len != sizeof(p))
        return error_set(&r->rq->error, ERROR_INVALID_ARGUMENT,
                         "a cursor of %zu bytes is not from this server; begin again without a cursor", from->len);
    if (from->len)
        memcpy(&p, from->data, sizeof(p));
    if (p.kind >= VERIFY_DONE)
        return error_set(&r->rq->error, ERROR_INVALID_ARGUMENT,
                         "this cursor is not from this server; begin again without a cursor");
    *to = (struct verify_cursor){.kind = (uint32_t)p.kind, .item = p.item, .offset = p.offset};
    return 0;
}

static int damages_give(struct native_request *r, const struct router_verify *v, Kith__Verified *ret)
{
    Kith__Damage *messages = arena_alloc(&r->rq->bulk, (v->damage_count + 1) * sizeof(*messages));
    ret->damages = arena_alloc(&r->rq->bulk, (v->damage_count + 1) * sizeof(*ret->damages));
    if (!messages || !ret->damages)
        return request_error(r->rq, -ENOMEM, "answer");
    for (size_t i = 0; i < v->damage_count; i++) {
        struct verify_damage *d = v->damages[i];
        kith__damage__init(&messages[i]);
        messages[i].file = d->file;
        messages[i].region = d->region;
        messages[i].offset = d->offset;
        messages[i].text = d->what;
        ret->damages[i] = &messages[i];
    }
    ret->n_damages = v->damage_count;
    return 0;
}

int op_verify(struct native_request *r, const void *message)
{
    const Kith__Verify *ask = message;
    Kith__Verified answered = KITH__VERIFIED__INIT;
    struct router_verify v = {.collection = ask->collection};
    int rc = cursor_take(r, &ask->cursor, &v.at);
    if (rc == 0)
        rc = router_verify(r->rq, &v);
    if (rc == 0)
        rc = damages_give(r, &v, &answered);
    if (rc < 0)
        return rc;
    struct packed_cursor p = {v.at.kind, v.at.item, v.at.offset};
    if (v.at.kind != VERIFY_DONE)
        answered.cursor = (ProtobufCBinaryData){sizeof(p), (uint8_t *)&p};
    answered.bytes_total = v.progress.bytes_total;
    answered.bytes = v.progress.bytes;
    answered.files = v.progress.files;
    return exchange_answer(r, &answered.base);
}
