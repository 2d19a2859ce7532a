/* test_replica.c -- a reactor's list of collections gives what an array gives; and the sentence
 * for an unknown name. */
#include "../columns/one_vector.h"
#include "actors/catalog/replica.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct collection_config config(uint64_t id, const char *name)
{
    struct collection_config c = {.id = id, .schema = one_vector(4, METRIC_L2)};
    snprintf(c.name, sizeof(c.name), "%s", name);
    return c;
}

static int add(struct replica *r, uint64_t id, const char *name)
{
    struct collection_config c = config(id, name);
    int rc = replica_add(r, &c, NULL);
    if (rc == 0) {
        cr_assert_null(replica_find(r, name), "it has no name before it is published");
        replica_find_id(r, id)->published = true;
    }
    return rc;
}

Test(replica, finds_by_name_and_by_id_what_was_added_and_not_removed)
{
    struct replica r = {0};
    bool there[200] = {false};
    srand(2);
    for (int step = 0; step < 2000; step++) {
        unsigned i = (unsigned)rand() % 200;
        char name[32];
        snprintf(name, sizeof(name), "name%u", i * 7919 % 200);
        struct collection_entry *e = replica_find(&r, name);
        cr_assert_eq(e != NULL, there[i]);
        cr_assert_eq(replica_find_id(&r, i + 1), e);
        if (e) {
            cr_assert_eq(add(&r, i + 1, name), -EEXIST);
            replica_remove(&r, e);
            replica_destroy(e);
        } else {
            cr_assert_eq(add(&r, i + 1, name), 0);
        }
        there[i] = !there[i];
    }
    replica_fini(&r);
}

Test(replica, an_unknown_name_is_told_with_the_names_there_are)
{
    struct replica r = {0};
    struct error error;
    cr_assert_eq(replica_error_unknown(&r, "x", &error), -ENOENT);
    cr_assert(strstr(error.text, "none"));
    cr_assert_eq(add(&r, 1, "books") + add(&r, 2, "art"), 0);
    cr_assert_eq(replica_error_unknown(&r, "x", &error), -ENOENT);
    cr_assert_str_eq(error.text, "there is no collection 'x'; there are: art, books");
    replica_fini(&r);
}

Test(replica, many_and_long_names_keep_the_sentence_short)
{
    struct replica r = {0};
    struct error error;
    for (uint64_t i = 1; i < 30; i++) {
        char name[COLLECTION_NAME_MAX];
        memset(name, 'a', sizeof(name));
        snprintf(name + 100, 20, "%03u", (unsigned)i);
        cr_assert_eq(add(&r, i, name), 0);
        cr_assert_eq(replica_error_unknown(&r, "x", &error), -ENOENT);
        cr_assert_lt(strlen(error.text), ERROR_TEXT_MAX - 1);
    }
    replica_fini(&r);
}

Test(replica, a_request_by_the_next_version_of_a_schema_makes_it_the_present_one)
{
    struct replica r = {0};
    cr_assert_eq(add(&r, 1, "books"), 0);
    struct collection_entry *e = replica_find_id(&r, 1);
    replica_meet_schema(e, 1);
    replica_take_schema(e); /* there is no next schema */
    cr_assert_eq(e->config.schema->version, 1);
    struct schema *next = schema_copy(e->config.schema);
    next->version = 2;
    e->next_schema = next;
    replica_meet_schema(e, 1); /* a request of a reactor that does not use the new schema yet */
    cr_assert(e->config.schema->version == 1 && e->next_schema == next);
    replica_meet_schema(e, 2);
    cr_assert(e->config.schema == next && !e->next_schema);
    replica_meet_schema(e, 1);
    replica_take_schema(e); /* this reactor is told late */
    cr_assert_eq(e->config.schema->version, 2);
    replica_fini(&r);
}
