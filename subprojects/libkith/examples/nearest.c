/* Writes three points and finds the two nearest to a query. Needs a server: kithd --data
 * /tmp/kith-data. */
#include <kith/kith.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char error[320];
    struct kith *k;
    if (kith_open(argc > 1 ? argv[1] : NULL, &k, error, sizeof(error)) < 0) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    const struct kith_collection towns = {.name = "towns", .dim = 2, .metric = KITH_L2};
    const struct kith_id ids[] = {{0, 1}, {0, 2}, {0, 3}};
    const float places[] = {0, 0, 3, 4, 6, 8}, here[] = {2, 3};
    const struct kith_points points = {.count = 3, .ids = ids, .vectors = places, .dim = 2};
    const struct kith_search search = {.collection = "towns", .queries = here, .count = 1, .dim = 2, .k = 2};
    struct kith_result found;
    int rc = kith_create(k, &towns);
    if (rc == 0 || rc == -KITH_ALREADY_EXISTS)
        rc = kith_upsert(k, "towns", &points);
    if (rc == 0)
        rc = kith_search(k, &search, &found);
    for (size_t i = 0; rc == 0 && i < found.count; i++)
        printf("point %llu at squared distance %g\n", (unsigned long long)found.ids[i].lo, found.scores[i]);
    if (rc < 0)
        fprintf(stderr, "%s\n", kith_error(k));
    kith_close(k);
    return rc < 0;
}
