/* Tests the check of points before they are written: an error names the row and the id of the wrong
 * point, in a part of a batch too. */
#include "../columns/one_vector.h"
#include "../reactor/world.h"
#include "shards/point_batch.h"

#include <math.h>
#include <string.h>

#define DIM  8
#define ROWS 5

static float vectors[ROWS * DIM];
static struct point_id ids[ROWS];
static const void *payloads[ROWS];
static uint32_t sizes[ROWS];
static struct error e;

static struct point_batch make_batch(void)
{
    for (int i = 0; i < ROWS * DIM; i++)
        vectors[i] = (float)(i + 1);
    for (unsigned i = 0; i < ROWS; i++) {
        ids[i] = (struct point_id){0, 10 + i};
        payloads[i] = "{}";
        sizes[i] = 2;
    }
    e = (struct error){0};
    return (struct point_batch){
        .count = ROWS, .ids = ids, .vectors = vectors, .payloads = payloads, .payload_sizes = sizes};
}

static int run_check(const struct point_batch *b, enum metric metric)
{
    const struct collection_config c = {.schema = one_vector(DIM, metric)};
    return point_batch_check(b, &c, 100, &e);
}

static void check_rows(void *arg)
{
    struct point_batch b = make_batch();
    want_eq(run_check(&b, METRIC_COSINE), 0);
    vectors[2 * DIM - 1] = INFINITY;
    want_eq(run_check(&b, METRIC_L2), -EINVAL);
    want_eq(e.code, ERROR_INVALID_ARGUMENT);
    want(strstr(e.text, "row 101 (id 11)") && strstr(e.text, "position 7"));
    b = make_batch();
    vectors[4 * DIM] = NAN;
    want_eq(run_check(&b, METRIC_L2), -EINVAL);
    want(strstr(e.text, "row 104 (id 14)") && strstr(e.text, "position 0"));
    b = make_batch();
    memset(vectors + 3 * DIM, 0, DIM * sizeof(float));
    want_eq(run_check(&b, METRIC_IP), 0);
    want_eq(run_check(&b, METRIC_COSINE), -EINVAL);
    want(strstr(e.text, "row 103 (id 13)") && strstr(e.text, "length zero"));
}

Test(point_batch, a_bad_row_is_named)
{
    world_run_well(BACKEND_SIM, 1, check_rows, NULL);
}

static void check_payloads(void *arg)
{
    struct point_batch b = make_batch();
    sizes[4] = POINT_PAYLOAD_MAX;
    want_eq(run_check(&b, METRIC_L2), 0);
    sizes[4]++;
    want_eq(run_check(&b, METRIC_L2), -EINVAL);
    want(strstr(e.text, "row 104 (id 14) has 16777217 bytes, more than the 16777216 allowed"));
    payloads[4] = NULL; /* a size without a payload is ignored */
    want_eq(run_check(&b, METRIC_L2), 0);
    want_eq(point_batch_payload_size(&b, 4), 0);
    b.payloads = NULL;
    want_eq(point_batch_payload_size(&b, 0), 0);
}

Test(point_batch, a_payload_may_be_as_long_as_the_limit)
{
    world_run_well(BACKEND_SIM, 1, check_payloads, NULL);
}

static void check_order(void *arg)
{
    static const uint32_t order[] = {4, 1};
    struct point_batch b = make_batch();
    b.order = order;
    b.count = 2;
    sizes[4] = 77;
    want_eq(point_batch_payload_size(&b, 0), 77);
    want_eq(point_batch_payload_size(&b, 1), 2);
    vectors[2 * DIM] = NAN; /* in a point that is not in this part */
    want_eq(run_check(&b, METRIC_L2), 0);
    vectors[DIM] = NAN;
    want_eq(run_check(&b, METRIC_L2), -EINVAL);
    want(strstr(e.text, "row 101 (id 11)"));
}

Test(point_batch, a_part_names_its_points_by_their_place)
{
    world_run_well(BACKEND_SIM, 1, check_order, NULL);
}
