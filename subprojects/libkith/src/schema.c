/* The schema of a collection: reads its indexed fields, adds and drops them. */
#include "connection.h"
#include "kith.pb-c.h"

int fields_of(struct kith *k, const Kith__Collection *from, struct kith_collection *ret)
{
    struct kith_field *fields = reply_arena_alloc(&k->arena, (from->n_fields + 1) * sizeof(*fields));
    if (!fields)
        return kith_fail(k, KITH_NO_MEMORY, "no memory for %zu fields", from->n_fields);
    for (size_t i = 0; i < from->n_fields; i++)
        fields[i] = (struct kith_field){from->fields[i]->path, from->fields[i]->kind};
    ret->fields = fields;
    ret->field_count = from->n_fields;
    return 0;
}

static void field_init(Kith__Field *to, const struct kith_field *from)
{
    kith__field__init(to);
    to->path = (char *)from->path; /* protobuf-c only reads path and kind */
    to->kind = (char *)from->kind;
}

int fields_message(struct kith *k, const struct kith_collection *from, Kith__Collection *to)
{
    reply_arena_reset(&k->scratch);
    Kith__Field *fields = reply_arena_alloc(&k->scratch, (from->field_count + 1) * sizeof(*fields));
    to->fields = reply_arena_alloc(&k->scratch, (from->field_count + 1) * sizeof(*to->fields));
    if (!fields || !to->fields)
        return kith_fail(k, KITH_NO_MEMORY, "no memory for %zu fields", from->field_count);
    for (size_t i = 0; i < from->field_count; i++) {
        field_init(&fields[i], &from->fields[i]);
        to->fields[to->n_fields++] = &fields[i];
    }
    return 0;
}

static int change(struct kith *k, Kith__ChangeSchema *m, uint64_t *ret_version)
{
    ProtobufCMessage *reply;
    int rc = kith_call(k, KITH_OP_SCHEMA_CHANGE, &m->base, &kith__collection__descriptor, &reply);
    if (rc == 0 && ret_version)
        *ret_version = ((const Kith__Collection *)reply)->schema_version;
    return rc;
}

int kith_field_add(struct kith *k, const char *collection, const struct kith_field *field, uint64_t version,
                   uint64_t *ret_version)
{
    Kith__ChangeSchema m = KITH__CHANGE_SCHEMA__INIT;
    Kith__Field add;
    field_init(&add, field);
    m.collection = (char *)collection;
    m.version = version;
    m.change_case = KITH__CHANGE_SCHEMA__CHANGE_ADD_FIELD;
    m.add_field = &add;
    return change(k, &m, ret_version);
}

int kith_field_drop(struct kith *k, const char *collection, const char *path, uint64_t version, uint64_t *ret_version)
{
    Kith__ChangeSchema m = KITH__CHANGE_SCHEMA__INIT;
    m.collection = (char *)collection;
    m.version = version;
    m.change_case = KITH__CHANGE_SCHEMA__CHANGE_DROP_FIELD;
    m.drop_field = (char *)path;
    return change(k, &m, ret_version);
}
