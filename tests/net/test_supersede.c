/* Tests a client that connects again: its earlier requests are over when its next hello is
 * answered. Each scenario runs on the simulator, where requests and connections come in any order,
 * and on this machine. */
#include "client.h"
#include "harness.h"
#include "reactor/sim/sim.h"

#include <criterion/criterion.h>
#include <string.h>

#define DIM    4
#define ROUNDS 60
#define STALE  20 /* upserts under way on a connection that the client gives up */

static const uint8_t one_client[16] = {1, 2, 3}, other_client[16] = {1, 2, 4};

static void opened_as(struct server *s, const uint8_t *client_id, uint32_t number, struct client *ret)
{
    cr_assert_eq(client_open_as(ret, server_port(s, PROTOCOL_NATIVE), client_id, number), 0, "%s", ret->error);
}

/* Sends an upsert of point 7, with `value` as every component, and does not wait for the answer. */
static void upsert_send(struct client *c, float value)
{
    uint64_t id = 7;
    const float v[DIM] = {value, value, value, value};
    Kith__PointIds ids = KITH__POINT_IDS__INIT;
    ids.n_numbers = 1;
    ids.numbers = &id;
    Kith__Upsert m = KITH__UPSERT__INIT;
    m.collection = (char *)"a";
    m.ids = &ids;
    cr_assert_eq(client_send(c, KITH_OP_UPSERT, c->next_id++, 0, &m.base, v, sizeof(v)), 0);
}

static float value_read(struct client *c)
{
    uint64_t id = 7, found;
    float v[DIM];
    uint32_t n;
    cr_assert_eq(client_get(c, "a", &id, 1, DIM, &found, v, &n), 0, "%s", c->error);
    cr_assert_eq(n, 1);
    return v[0];
}

static void last_write_wins(struct server *s)
{
    struct client c;
    opened_as(s, one_client, 0, &c);
    cr_assert_eq(client_create(&c, "a", DIM, KITH__METRIC__METRIC_L2), 0);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        const uint64_t id = 7;
        const float newer = (float)(round * 1000), v[DIM] = {newer, newer, newer, newer};
        struct client old = c;
        for (unsigned i = 1; i <= STALE; i++)
            upsert_send(&old, newer - (float)i);
        opened_as(s, one_client, round, &c);
        cr_assert_eq(client_upsert(&c, "a", &id, 1, v, DIM), 0, "%s", c.error);
        cr_assert_eq(value_read(&c), newer, "round %u", round);
        fiber_sleep_ns(20000000); /* time for a write that is still under way to show */
        cr_assert_eq(value_read(&c), newer, "round %u: a write of the earlier connection took effect later", round);
        client_close(&old);
    }
    client_close(&c);
}

Test(supersede, writes_of_an_earlier_connection_never_follow_those_of_the_next)
{
    harness_run(BACKEND_SIM, 1, last_write_wins);
    harness_run(BACKEND_SIM, 3, last_write_wins);
    harness_run(BACKEND_AUTO, 2, last_write_wins);
}

static void expect_over(struct client *c)
{
    struct client_reply r;
    cr_assert_lt(client_receive(c, &r), 0);
    client_reply_fini(&r);
    client_close(c);
}

static void earlier_ones_end(struct server *s)
{
    struct client first, second, third, late, other, nameless;
    opened_as(s, one_client, 0, &first);
    opened_as(s, one_client, 1, &second);
    expect_over(&first);
    opened_as(s, other_client, 9, &other);
    cr_assert_eq(client_open(&nameless, server_port(s, PROTOCOL_NATIVE)), 0);
    opened_as(s, one_client, 3, &third);
    expect_over(&second);
    cr_assert_eq(client_open_as(&late, server_port(s, PROTOCOL_NATIVE), one_client, 2), CLIENT_REFUSED(ERROR_CANCELLED),
                 "a hello that comes after that of a later connection");
    cr_assert(strstr(late.error, "a later connection of this client"), "%s", late.error);
    cr_assert_eq(client_ping(&third), 0, "the newer connection must stay open");
    cr_assert_eq(client_ping(&other), 0, "the connection of another client must stay open");
    cr_assert_eq(client_ping(&nameless), 0);
    client_close(&late);
    client_close(&third);
    client_close(&other);
    client_close(&nameless);
}

Test(supersede, a_hello_ends_the_earlier_connections_of_its_client_and_no_others)
{
    harness_run(BACKEND_SIM, 1, earlier_ones_end);
    harness_run(BACKEND_SIM, 3, earlier_ones_end);
    harness_run(BACKEND_AUTO, 2, earlier_ones_end);
}

static void odd_ids(struct server *s)
{
    struct client c;
    cr_assert_eq(client_connect(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    Kith__Hello hello = KITH__HELLO__INIT;
    hello.version_min = hello.version_max = KITH_PROTOCOL_VERSION;
    hello.client_id = (ProtobufCBinaryData){15, (uint8_t *)one_client};
    cr_assert_eq(client_call(&c, KITH_OP_HELLO, &hello.base, NULL, 0, NULL), CLIENT_REFUSED(ERROR_PROTOCOL));
    cr_assert(strstr(c.error, "16 bytes or none, not 15"), "%s", c.error);
    client_close(&c);
}

Test(supersede, a_client_id_has_16_bytes)
{
    harness_run(BACKEND_SIM, 1, odd_ids);
}
