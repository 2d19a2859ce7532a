/* op_schema.c -- the operation that changes a collection's schema. */
#include "net/native/exchange.h"
#include "net/native/meta/meta_schema.h"
#include "net/native/operation.h"

static int change_take(struct native_request *r, const Kith__ChangeSchema *from, struct field_spec *field,
                       struct vector_spec *vector, struct schema_change *ret)
{
    int rc = 0;
    *ret = (struct schema_change){.version = from->version};
    switch (from->change_case) {
    case KITH__CHANGE_SCHEMA__CHANGE_ADD_FIELD:
        rc = meta_field(r->rq, from->add_field, field);
        ret->add_field = field;
        break;
    case KITH__CHANGE_SCHEMA__CHANGE_DROP_FIELD: ret->drop_field = from->drop_field; break;
    case KITH__CHANGE_SCHEMA__CHANGE_ADD_VECTOR:
        rc = meta_vector(r->rq, from->add_vector, vector);
        ret->add_vector = vector;
        break;
    case KITH__CHANGE_SCHEMA__CHANGE_DROP_VECTOR: ret->drop_vector = from->drop_vector; break;
    default: break; /* the router refuses a change of nothing */
    }
    return rc;
}

int op_schema_change(struct native_request *r, const void *message)
{
    const Kith__ChangeSchema *ask = message;
    Kith__Collection answer;
    struct collection_config config;
    struct schema_change change;
    struct field_spec field = {0};
    struct vector_spec vector = {0};
    int rc = change_take(r, ask, &field, &vector, &change);
    if (rc == 0)
        rc = router_change_schema(r->rq, ask->collection, &change, &config);
    if (rc == 0)
        rc = meta_collection_init(r->rq, &answer, &config);
    return rc < 0 ? rc : exchange_answer(r, &answer.base);
}
