#include "net/exchange.h"
#include "net/meta.h"

#include <errno.h>

int exchange_take(struct native_request *r, const ProtobufCMessageDescriptor *type, void *ret)
{
    ProtobufCMessage *message = meta_unpack(r->rq, type, r->meta, r->header.meta_bytes);
    if (!message)
        return meta_refuse(r->rq, type->short_name);
    *(ProtobufCMessage **)ret = message;
    return 0;
}

int exchange_answer(struct native_request *r, const ProtobufCMessage *meta)
{
    return native_reply_message(r, meta, NULL, 0) ? 0 : request_error(r->rq, -ENOMEM, "answer");
}
