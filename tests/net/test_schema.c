/* Tests schemas through the native protocol. Every core uses a change when it is acknowledged. Of
 * two changes of one version one wins. A change survives a power cut. An impossible change is
 * refused with a sentence. */
#include "client.h"
#include "gpu/gpu.h"
#include "harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define INTEGER "integer"

/* Asserts that every core has this version and number of fields, in its replica and its shard. */
static void expect_everywhere(struct server *s, const char *name, uint64_t version, unsigned fields)
{
    for (unsigned r = 0; r < reactor_count(); r++) { /* safe, because no core writes now */
        const struct collection_entry *e = replica_find(&s->cores[r]->collections, name);
        cr_assert(e && !e->next_schema && shard_config(e->shard)->schema == e->config.schema);
        cr_assert(e->config.schema->version == version && e->config.schema->field_count == fields, "reactor %u", r);
        cr_assert_eq(e->config.schema->references, 2);
    }
}

static void want(struct client *c, int rc, enum error_code code, const char *word)
{
    cr_assert_eq(rc, CLIENT_REFUSED(code), "rc %d, sentence '%s'", rc, c->error);
    cr_assert(strstr(c->error, word), "'%s' does not say '%s'", c->error, word);
}

static void change_and_refuse(struct server *s)
{
    struct client c;
    uint64_t version = 0;
    Kith__Info *info;
    char longest[200];
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = 0;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_create(&c, "a", 4, KITH__METRIC__METRIC_L2), 0);
    expect_everywhere(s, "a", 1, 0);
    cr_assert_eq(client_add_field(&c, "a", "year", INTEGER, 0, &version), 0, "%s", c.error);
    cr_assert_eq(version, 2);
    expect_everywhere(s, "a", 2, 1);
    cr_assert_eq(client_add_field(&c, "a", "city.size", INTEGER, 2, &version), 0, "%s", c.error);
    expect_everywhere(s, "a", 3, 2);
    want(&c, client_add_field(&c, "a", "more", INTEGER, 2, NULL), ERROR_CONFLICT, "version 3, not 2");
    want(&c, client_add_field(&c, "a", "year", INTEGER, 0, NULL), ERROR_ALREADY_EXISTS, "year");
    want(&c, client_add_field(&c, "a", "tag", "colour", 0, NULL), ERROR_INVALID_ARGUMENT,
         "kind 'colour' of field 'tag' is unknown; known: integer");
    want(&c, client_add_field(&c, "a", "tag", "", 0, NULL), ERROR_INVALID_ARGUMENT, "kind ''");
    want(&c, client_add_field(&c, "a", "", INTEGER, 0, NULL), ERROR_INVALID_ARGUMENT, "1 to 127");
    want(&c, client_add_field(&c, "a", longest, INTEGER, 0, NULL), ERROR_INVALID_ARGUMENT, "199");
    want(&c, client_add_field(&c, "b", "year", INTEGER, 0, NULL), ERROR_NOT_FOUND, "'b'");
    want(&c, client_drop_field(&c, "a", "nothing", 0, NULL), ERROR_NOT_FOUND, "nothing");
    expect_everywhere(s, "a", 3, 2);
    cr_assert_eq(client_drop_field(&c, "a", "year", 3, &version), 0, "%s", c.error);
    cr_assert_eq(version, 4);
    expect_everywhere(s, "a", 4, 1);
    cr_assert_eq(client_info(&c, "a", &info), 0, "%s", c.error);
    cr_assert(info->collection->schema_version == 4 && info->collection->n_fields == 1 && info->collection->dim == 4);
    cr_assert(strcmp(info->collection->fields[0]->path, "city.size") == 0 &&
              strcmp(info->collection->fields[0]->kind, INTEGER) == 0);
    kith__info__free_unpacked(info, NULL);
    cr_assert_eq(client_drop(&c, "a"), 0);
    client_close(&c);
}

Test(schema, is_changed_on_every_core_and_refused_with_a_sentence)
{
    harness_run(BACKEND_SIM, 1, change_and_refuse);
    harness_run(BACKEND_SIM, 3, change_and_refuse);
    harness_run(BACKEND_AUTO, 2, change_and_refuse);
}

/* -- creating with a schema -- */

static int create(struct client *c, Kith__Collection *collection)
{
    Kith__CreateCollection ask = KITH__CREATE_COLLECTION__INIT;
    collection->name = (char *)(uintptr_t) "made";
    ask.collection = collection;
    return client_call(c, KITH_OP_CREATE, &ask.base, NULL, 0, NULL);
}

static int create_with(struct client *c, Kith__Vector *vector, unsigned vectors, uint32_t dim)
{
    Kith__Collection collection = KITH__COLLECTION__INIT;
    Kith__Vector *list[32];
    for (unsigned i = 0; i < vectors; i++)
        list[i] = vector;
    collection.dim = dim;
    collection.metric = KITH__METRIC__METRIC_L2;
    collection.vectors = list;
    collection.n_vectors = vectors;
    return create(c, &collection);
}

static void create_and_refuse(struct server *s)
{
    struct client c;
    Kith__Vector vector = KITH__VECTOR__INIT;
    vector.dim = 8;
    vector.metric = KITH__METRIC__METRIC_COSINE;
    vector.name = (char *)(uintptr_t) "title";
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    want(&c, create_with(&c, &vector, 1, 0), ERROR_UNIMPLEMENTED, "named vectors");
    want(&c, create_with(&c, &vector, 1, 4), ERROR_UNIMPLEMENTED, "2 vectors");
    want(&c, create_with(&c, &vector, 2, 0), ERROR_INVALID_ARGUMENT, "two vectors 'title'");
    want(&c, create_with(&c, &vector, 17, 0), ERROR_INVALID_ARGUMENT, "may have 16 and 64");
    vector.name = (char *)(uintptr_t) "";
    want(&c, create_with(&c, &vector, 1, 4), ERROR_INVALID_ARGUMENT, "two vectors ''");
    vector.type = KITH__VECTOR_TYPE__VECTOR_TYPE_U8;
    want(&c, create_with(&c, &vector, 1, 0), ERROR_UNIMPLEMENTED, "u8");
    vector.type = (Kith__VectorType)99;
    want(&c, create_with(&c, &vector, 1, 0), ERROR_INVALID_ARGUMENT, "99");
    vector.type = KITH__VECTOR_TYPE__VECTOR_TYPE_F32;
    vector.multi = true;
    want(&c, create_with(&c, &vector, 1, 0), ERROR_UNIMPLEMENTED, "multi");
    vector.multi = false;
    /* the only vector, given as a list of one */
    cr_assert_eq(create_with(&c, &vector, 1, 0), 0, "%s", c.error);
    expect_everywhere(s, "made", 1, 0);
    cr_assert_eq(client_drop(&c, "made"), 0);
    client_close(&c);
}

static void create_with_fields(struct server *s)
{
    struct client c;
    Kith__Collection collection = KITH__COLLECTION__INIT;
    Kith__Field fields[65], *list[65];
    char paths[65][64];
    for (unsigned i = 0; i < 65; i++) {
        kith__field__init(&fields[i]);
        snprintf(paths[i], sizeof(paths[i]), "a.field.with.a.long.path.number.%u", i);
        fields[i].path = paths[i];
        fields[i].kind = (char *)(uintptr_t)INTEGER;
        list[i] = &fields[i];
    }
    collection.dim = 4;
    collection.metric = KITH__METRIC__METRIC_L2;
    collection.fields = list;
    collection.n_fields = 65;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    want(&c, create(&c, &collection), ERROR_INVALID_ARGUMENT, "may have 16 and 64");
    collection.n_fields = 64;
    fields[7].path = paths[6];
    want(&c, create(&c, &collection), ERROR_INVALID_ARGUMENT, "two fields");
    fields[7].path = paths[7];
    cr_assert_eq(create(&c, &collection), 0, "%s", c.error);
    expect_everywhere(s, "made", 1, 64);
    want(&c, client_add_field(&c, "made", "b", INTEGER, 0, NULL), ERROR_RESOURCE_EXHAUSTED, "64 fields");
    cr_assert_eq(client_drop_field(&c, "made", paths[9], 0, NULL), 0, "%s", c.error);
    cr_assert_eq(client_add_field(&c, "made", "b", INTEGER, 0, NULL), 0, "%s", c.error);
    expect_everywhere(s, "made", 3, 64);
    client_close(&c);
}

Test(schema, is_given_when_a_collection_is_created)
{
    harness_run(BACKEND_SIM, 2, create_and_refuse);
    harness_run(BACKEND_SIM, 2, create_with_fields);
}

/* -- concurrent changes -- */

#define CHANGERS 6

struct changer {
    struct server *server;
    struct client client;
    unsigned number, won, lost;
    bool over;
};

/* Adds and drops a field of its own. Each change names the version that was seen last. */
static void change_often(void *arg)
{
    struct changer *x = arg;
    char path[16];
    bool there = false;
    snprintf(path, sizeof(path), "f%u", x->number);
    cr_assert_eq(client_open(&x->client, server_port(x->server, PROTOCOL_NATIVE)), 0);
    while (x->won < 10) {
        Kith__Info *info;
        uint64_t version = 0;
        cr_assert_eq(client_info(&x->client, "a", &info), 0);
        const uint64_t seen = info->collection->schema_version;
        kith__info__free_unpacked(info, NULL);
        int rc = there ? client_drop_field(&x->client, "a", path, seen, &version)
                       : client_add_field(&x->client, "a", path, INTEGER, seen, &version);
        cr_assert(rc == 0 || rc == CLIENT_REFUSED(ERROR_CONFLICT), "rc %d: %s", rc, x->client.error);
        cr_assert(rc < 0 || version == seen + 1);
        there ^= rc == 0;
        x->won += rc == 0;
        x->lost += rc < 0;
    }
    client_close(&x->client);
    x->over = true;
}

static void change_at_once(struct server *s)
{
    static struct changer all[CHANGERS];
    struct client c;
    unsigned lost = 0;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_create(&c, "a", 4, KITH__METRIC__METRIC_L2), 0);
    for (unsigned i = 0; i < CHANGERS; i++) {
        all[i] = (struct changer){.server = s, .number = i};
        cr_assert_eq(fiber_start(CLASS_INTERACTIVE, change_often, &all[i], "changer"), 0);
    }
    for (unsigned i = 0; i < CHANGERS; i++) {
        while (!all[i].over)
            fiber_sleep_ns(1000000);
        lost += all[i].lost;
    }
    cr_assert_gt(lost, 0, "no two changes met: the test shows nothing");
    /* each change that won made one version */
    expect_everywhere(s, "a", 1 + CHANGERS * 10, 0);
    client_close(&c);
}

Test(schema, one_of_two_changes_of_the_same_version_wins)
{
    harness_run(BACKEND_SIM, 3, change_at_once);
    harness_run(BACKEND_AUTO, 2, change_at_once);
}
