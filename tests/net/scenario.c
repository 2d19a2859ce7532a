#include "scenario.h"

#include <stdlib.h>
#include <string.h>

struct client opened(struct server *s)
{
    struct client c;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    return c;
}

void expect_refused(struct client *c, int rc, enum error_code code, const char *word)
{
    cr_assert_eq(rc, CLIENT_REFUSED(code), "rc %d, sentence '%s'", rc, c->error);
    cr_assert(strstr(c->error, word), "'%s' does not say '%s'", c->error, word);
    cr_assert_eq(client_ping(c), 0, "the connection ended after '%s'", c->error);
}

void fill_vector(float *v, uint64_t id)
{
    for (int d = 0; d < 4; d++)
        v[d] = (float)((id * 7 + (uint64_t)d * 13) % 101);
}

void fill_collection(struct client *c, const char *name, uint32_t n)
{
    uint64_t *ids = malloc(n * sizeof(*ids));
    float *v = malloc(n * 4 * sizeof(*v));
    for (uint32_t i = 0; i < n; i++) {
        ids[i] = i;
        fill_vector(v + i * 4, i);
    }
    cr_assert_eq(client_create(c, name, 4, KITH__METRIC__METRIC_L2), 0);
    cr_assert_eq(client_upsert(c, name, ids, n, v, 4), 0, "%s", c->error);
    free(ids);
    free(v);
}
