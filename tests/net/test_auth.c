/* Tests rights: an operation is refused if, and only if, the principal has less than the right that
 * its row of the table needs. First by values, then over a connection of a server. */
#include "kith.pb-c.h"
#include "net/native/operation.h"
#include "scenario.h"

#include <stdio.h>
#include <string.h>

static const struct grant grants[] = {{"mine", RIGHT_WRITE}, {"theirs", RIGHT_READ}};
static const struct principal guest = {
    .name = "guest", .everywhere = RIGHT_NONE, .grants = grants, .grant_count = ARRAY_LEN(grants)};

Test(auth, a_grant_adds_to_the_rights_everywhere)
{
    cr_assert_eq(principal_right(&guest, "mine"), RIGHT_WRITE);
    cr_assert_eq(principal_right(&guest, "theirs"), RIGHT_READ);
    cr_assert_eq(principal_right(&guest, "other"), RIGHT_NONE);
    cr_assert_eq(principal_right(&guest, NULL), RIGHT_NONE, "a grant on a collection gives no right on the server");
    cr_assert_eq(principal_right(&guest, ""), RIGHT_NONE);
    cr_assert_eq(principal_right(&principal_admin, "other"), RIGHT_MANAGE);
    cr_assert_eq(principal_right(&principal_read_only, NULL), RIGHT_READ);
    const struct principal reader = {.name = "r", .everywhere = RIGHT_READ, .grants = grants, .grant_count = 2};
    cr_assert_eq(principal_right(&reader, "mine"), RIGHT_WRITE);
    cr_assert_eq(principal_right(&reader, "other"), RIGHT_READ);
}

Test(auth, a_refusal_says_what_is_there_and_what_it_takes)
{
    struct error e = {0};
    cr_assert_eq(principal_check(&guest, RIGHT_WRITE, "upsert", "mine", &e), 0);
    cr_assert_lt(principal_check(&guest, RIGHT_WRITE, "upsert", "theirs", &e), 0);
    cr_assert_eq(e.code, ERROR_PERMISSION_DENIED);
    cr_assert_str_eq(e.text, "'guest' has the right 'read' on collection 'theirs', but upsert needs 'write': ask the "
                             "operator of the server for it");
    cr_assert_lt(principal_check(&principal_anonymous, RIGHT_READ, "list", NULL, &e), 0);
    cr_assert_str_eq(e.text,
                     "'anonymous' has the right 'none' on the whole server, but list needs 'read': ask the operator of "
                     "the server for it");
}

Test(auth, every_operation_has_all_its_facts)
{
    unsigned known = 0;
    for (unsigned code = 0; code < METRICS_OPS; code++) {
        const struct operation *op = operation_find(code);
        cr_assert_eq(!!op, code >= KITH_OP_HELLO && code <= KITH_OP_LAST, "%u", code);
        known += !!op;
        if (!op || code == KITH_OP_CANCEL)
            continue;
        cr_assert(op->answer && (unsigned)op->right < RIGHTS && (unsigned)op->lane < ADMISSION_CLASSES, "%s", op->name);
        if (!op->message)
            cr_assert_eq(op->collection, offsetof(struct meta_points_ask, collection), "%s", op->name);
        cr_assert_eq(operation_class(op) == CLASS_WRITE, op->right == RIGHT_WRITE, "%s", op->name);
        cr_assert_str_eq(operation_name(code), op->name);
    }
    cr_assert_eq(known, KITH_OP_LAST);
    cr_assert_null(operation_find(UINT16_MAX));
}

/* Sends a request. Returns the code of the answer; its text is in c->error. */
static enum error_code ask(struct client *c, uint16_t op, const ProtobufCMessage *m)
{
    int rc = client_call(c, op, m, NULL, 0, NULL);
    cr_assert(rc == 0 || rc <= -1000, "op %u: the connection failed with %d", op, rc);
    return rc == 0 ? ERROR_OK : (enum error_code)(-1000 - rc);
}

/* Gives connections that are opened from now on the rights of p. Only on the simulator, where all
 * reactors are one thread. */
static void let(struct server *s, const struct principal *p)
{
    for (unsigned r = 0; r < reactor_count(); r++) {
        struct front *f = s->cores[r]->front;
        for (unsigned i = 0; i < f->listener_count; i++)
            f->listeners[i].principal = p;
    }
}

static void two_collections(struct server *s)
{
    struct client c = opened(s);
    fill_collection(&c, "mine", 20);
    fill_collection(&c, "theirs", 20);
    client_close(&c);
}

static void reader(struct server *s)
{
    uint64_t n = 0, id = 3;
    float v[4];
    fill_vector(v, 3);
    two_collections(s);
    let(s, &principal_read_only);
    struct client c = opened(s);
    expect_refused(&c, client_upsert(&c, "mine", &id, 1, v, 4), ERROR_PERMISSION_DENIED, "upsert needs 'write'");
    expect_refused(&c, client_delete(&c, "mine", &id, 1, &n), ERROR_PERMISSION_DENIED, "delete needs 'write'");
    expect_refused(&c, client_drop(&c, "mine"), ERROR_PERMISSION_DENIED, "drop needs 'manage'");
    expect_refused(&c, client_create(&c, "new", 4, KITH__METRIC__METRIC_L2), ERROR_PERMISSION_DENIED, "needs 'manage'");
    Kith__SetConfig set = KITH__SET_CONFIG__INIT;
    set.name = "search.ef";
    set.value = "77";
    cr_assert_eq(ask(&c, KITH_OP_CONFIG_SET, &set.base), ERROR_PERMISSION_DENIED);
    cr_assert_eq(s->cores[0]->settings.search_ef, 0u);
    cr_assert_eq(client_count(&c, "mine", &n), 0);
    cr_assert_eq(n, 20u, "a refused delete deleted points");
    client_close(&c);
}

static void stranger(struct server *s)
{
    uint64_t n = 0, id = 3;
    float v[4];
    fill_vector(v, 3);
    two_collections(s);
    let(s, &guest);
    struct client c = opened(s);
    cr_assert_eq(client_upsert(&c, "mine", &id, 1, v, 4), 0);
    cr_assert_eq(client_count(&c, "theirs", &n), 0);
    expect_refused(&c, client_upsert(&c, "theirs", &id, 1, v, 4), ERROR_PERMISSION_DENIED, "collection 'theirs'");
    expect_refused(&c, client_count(&c, "other", &n), ERROR_PERMISSION_DENIED, "collection 'other'");
    Kith__Verify everything = KITH__VERIFY__INIT;
    cr_assert_eq(ask(&c, KITH_OP_VERIFY, &everything.base), ERROR_PERMISSION_DENIED,
                 "an empty name means the whole server");
    Kith__ListCollections list = KITH__LIST_COLLECTIONS__INIT;
    cr_assert_eq(ask(&c, KITH_OP_LIST, &list.base), ERROR_PERMISSION_DENIED);
    client_close(&c);
}

static bool http_says(struct server *s, const char *path, const char *status)
{
    char text[1024] = "";
    struct connection *c;
    cr_assert_eq(connection_open("127.0.0.1", server_port(s, PROTOCOL_HTTP), &c), 0);
    snprintf(text, sizeof(text), "GET %s HTTP/1.0\r\n\r\n", path);
    const struct slice slice = {text, strlen(text)};
    cr_assert_eq(connection_send(c, &slice, 1, 0), 0);
    int64_t got = connection_receive(c, text, sizeof(text) - 1, 0);
    connection_close(c);
    cr_assert_gt(got, 0);
    text[got] = 0;
    return strncmp(text + strlen("HTTP/1.1 "), status, strlen(status)) == 0;
}

static void pages(struct server *s)
{
    if (!net_has_http())
        return;
    let(s, &principal_anonymous);
    cr_assert(http_says(s, "/healthz", "200"));
    cr_assert(http_says(s, "/readyz", "200"));
    cr_assert(http_says(s, "/metrics", "403"));
    let(s, &principal_read_only);
    cr_assert(http_says(s, "/metrics", "200"));
}

Test(auth, a_reader_reads_and_changes_nothing)
{
    harness_run(BACKEND_SIM, 1, reader);
    harness_run(BACKEND_SIM, 3, reader);
}

Test(auth, a_right_on_one_collection_is_none_on_another)
{
    harness_run(BACKEND_SIM, 3, stranger);
}

Test(auth, pages_have_rights_too)
{
    harness_run(BACKEND_SIM, 1, pages);
}
