/* exchange.c -- unpacks and packs messages without blocks. */
#include "net/native/exchange.h"
#include "net/native/meta/meta.h"
#include "net/native/meta/wire.h"

#include <errno.h>

int exchange_take(struct native_request *r, const ProtobufCMessageDescriptor *type, const void **ret)
{
    *ret = meta_unpack(r->rq, type, r->meta, r->header.meta_bytes);
    return *ret ? 0 : meta_refuse(r->rq, type->short_name);
}

int exchange_answer(struct native_request *r, const ProtobufCMessage *meta)
{
    return native_reply_message(r, meta, NULL, 0) ? 0 : native_reply_too_large(r);
}

static const ProtobufCMessage *item(const struct exchange_list *l, size_t i)
{
    return (const ProtobufCMessage *)((const uint8_t *)l->items + i * l->item_bytes);
}

int exchange_answer_list(struct native_request *r, const ProtobufCMessage *meta, const struct exchange_list *list)
{
    uint64_t bytes = protobuf_c_message_get_packed_size(meta);
    for (size_t i = 0; i < list->count; i++) {
        bytes += wire_bytes_extent(list->field, protobuf_c_message_get_packed_size(item(list, i)));
        fiber_checkpoint();
    }
    uint8_t *to = native_reply_room(r, bytes, NULL, 0);
    if (!to)
        return native_reply_too_large(r);
    to += protobuf_c_message_pack(meta, to);
    for (size_t i = 0; i < list->count; i++) {
        to = wire_put_bytes_head(to, list->field, protobuf_c_message_get_packed_size(item(list, i)));
        to += protobuf_c_message_pack(item(list, i), to);
        fiber_checkpoint();
    }
    return 0;
}
