/* test_schema.c -- schemas as values: which are valid, what a change makes of one, and the
 * numbers of its parts. */
#include "columns/column.h"
#include "one_vector.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define INTEGER column_kind_named("integer")->id

static struct schema *simple(void)
{
    struct schema *s = schema_copy(one_vector(4, METRIC_L2));
    cr_assert(s && s->references == 1);
    return s;
}

static struct field_spec field(const char *path, uint16_t kind)
{
    struct field_spec f = {.kind = kind};
    snprintf(f.path, sizeof(f.path), "%s", path);
    return f;
}

/* Changes s and releases it. */
static struct schema *changed(struct schema *s, const struct schema_change *change)
{
    struct schema *to;
    struct error error;
    cr_assert_eq(schema_change(s, change, "towns", &to, &error), 0, "%s", error.text);
    cr_assert_eq(schema_check(to, &error), 0, "%s", error.text);
    schema_release(s);
    return to;
}

static struct schema *with(struct schema *s, const char *path)
{
    const struct field_spec f = field(path, INTEGER);
    return changed(s, &(struct schema_change){.add_field = &f});
}

static enum error_code refused(const struct schema *s, const struct schema_change *change)
{
    struct schema *to = NULL;
    struct error error = {.code = ERROR_OK};
    cr_assert_lt(schema_change(s, change, "towns", &to, &error), 0);
    cr_assert_null(to);
    return error.code;
}

static enum error_code refused_field(const char *path, uint16_t kind)
{
    struct schema *s = with(simple(), "here");
    const struct field_spec f = field(path, kind);
    enum error_code code = refused(s, &(struct schema_change){.add_field = &f});
    schema_release(s);
    return code;
}

Test(schema, a_row_has_as_many_bytes_as_its_type_says)
{
    struct vector_spec v = {.dim = 10};
    const size_t bytes[] = {[VECTOR_F32] = 40, [VECTOR_F16] = 20,   [VECTOR_BF16] = 20, [VECTOR_I8] = 10,
                            [VECTOR_U8] = 10,  [VECTOR_BINARY] = 2, [VECTOR_SPARSE] = 0};
    for (unsigned type = VECTOR_F32; type <= VECTOR_SPARSE; type++) {
        v.type = (enum vector_type)type;
        cr_expect_eq(vector_bytes(&v), bytes[type], "%s", vector_type_name(v.type));
    }
    v.type = VECTOR_F32;
    cr_expect_eq(vector_stride(&v), 64);
}

Test(schema, a_change_adds_one_to_the_version_and_leaves_the_rest)
{
    struct schema *s = with(with(simple(), "a"), "b.c");
    cr_assert_eq(s->version, 3);
    cr_assert(s->vector_count == 1 && s->vectors[0].dim == 4 && s->field_count == 2);
    cr_assert_str_eq(s->fields[1].path, "b.c");
    s = changed(s, &(struct schema_change){.version = 3, .drop_field = "a"});
    cr_assert(s->version == 4 && s->field_count == 1 && !schema_find_field(s, "a"));
    cr_assert_eq(schema_find_field(s, "b.c"), &s->fields[0]);
    schema_release(s);
}

Test(schema, a_number_is_never_given_twice)
{
    struct schema *s = with(simple(), "a");
    cr_assert_eq(schema_find_field(s, "a")->number, 0);
    s = changed(s, &(struct schema_change){.drop_field = "a"});
    s = with(s, "a");
    cr_assert_eq(schema_find_field(s, "a")->number, 1);
    cr_assert_null(schema_field(s, 0));
    cr_assert_eq(schema_field(s, 1), &s->fields[0]);
    s->next_field = UINT16_MAX;
    const struct field_spec f = field("b", INTEGER);
    cr_assert_eq(refused(s, &(struct schema_change){.add_field = &f}), ERROR_RESOURCE_EXHAUSTED);
    schema_release(s);
}

Test(schema, a_change_of_another_version_is_a_conflict)
{
    struct schema *s = with(simple(), "a");
    const struct field_spec f = field("b", INTEGER);
    cr_assert_eq(refused(s, &(struct schema_change){.version = 1, .add_field = &f}), ERROR_CONFLICT);
    cr_assert_eq(refused(s, &(struct schema_change){.version = 3, .drop_field = "a"}), ERROR_CONFLICT);
    schema_release(s);
}

Test(schema, fields_that_cannot_be_are_refused)
{
    char longest[FIELD_PATH_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    longest[FIELD_PATH_MAX] = 0;
    cr_expect_eq(refused_field("", INTEGER), ERROR_INVALID_ARGUMENT);
    cr_expect_eq(refused_field(".a", INTEGER), ERROR_INVALID_ARGUMENT);
    cr_expect_eq(refused_field("a.", INTEGER), ERROR_INVALID_ARGUMENT);
    cr_expect_eq(refused_field("a..b", INTEGER), ERROR_INVALID_ARGUMENT);
    cr_expect_eq(refused_field("a\tb", INTEGER), ERROR_INVALID_ARGUMENT);
    cr_expect_eq(refused_field("\xff", INTEGER), ERROR_INVALID_ARGUMENT);
    cr_expect_eq(refused_field("a", 0), ERROR_INVALID_ARGUMENT);
    cr_expect_eq(refused_field("a", 999), ERROR_INVALID_ARGUMENT);
    cr_expect_eq(refused_field("here", INTEGER), ERROR_ALREADY_EXISTS);
    struct field_spec f = {.kind = INTEGER};
    memset(f.path, 'x', sizeof(f.path)); /* without an end */
    cr_expect_eq(field_spec_check(&f, NULL), -EINVAL);
    f.path[FIELD_PATH_MAX - 1] = 0;
    cr_expect_eq(field_spec_check(&f, NULL), 0);
}

Test(schema, there_are_as_many_fields_as_the_limit_says)
{
    struct schema *s = simple();
    char path[16];
    for (unsigned i = 0; i < SCHEMA_FIELDS_MAX; i++) {
        snprintf(path, sizeof(path), "f%u", i);
        s = with(s, path);
    }
    const struct field_spec f = field("more", INTEGER);
    cr_assert_eq(refused(s, &(struct schema_change){.add_field = &f}), ERROR_RESOURCE_EXHAUSTED);
    s = changed(s, &(struct schema_change){.drop_field = "f7"});
    s = with(s, "more");
    cr_assert_eq(schema_find_field(s, "more")->number, SCHEMA_FIELDS_MAX);
    schema_release(s);
    cr_assert_null(schema_create(1, SCHEMA_FIELDS_MAX + 1));
}

Test(schema, vectors_are_checked_before_they_are_refused_as_unimplemented)
{
    struct schema *s = simple();
    struct vector_spec v = {.name = "title", .type = VECTOR_F32, .dim = 8, .metric = METRIC_L2};
    const struct schema_change add = {.add_vector = &v};
    cr_expect_eq(refused(s, &add), ERROR_UNIMPLEMENTED);
    v.dim = 0;
    cr_expect_eq(refused(s, &add), ERROR_INVALID_ARGUMENT);
    v.type = VECTOR_SPARSE;
    cr_expect_eq(refused(s, &add), ERROR_UNIMPLEMENTED);
    v.type = (enum vector_type)8;
    cr_expect_eq(refused(s, &add), ERROR_INVALID_ARGUMENT);
    v = s->vectors[0];
    cr_expect_eq(refused(s, &add), ERROR_ALREADY_EXISTS);
    cr_expect_eq(refused(s, &(struct schema_change){.drop_vector = "title"}), ERROR_NOT_FOUND);
    cr_expect_eq(refused(s, &(struct schema_change){.drop_vector = ""}), ERROR_UNIMPLEMENTED);
    cr_expect_eq(refused(s, &(struct schema_change){.version = 0}), ERROR_INVALID_ARGUMENT);
    schema_release(s);
}

Test(schema, what_a_collection_may_be_created_with_is_said)
{
    struct schema *s = schema_create(2, 0);
    for (unsigned i = 0; i < 2; i++)
        s->vectors[i] = (struct vector_spec){.number = (uint16_t)i, .type = VECTOR_F32, .dim = 4, .metric = METRIC_L2};
    cr_expect_eq(schema_check(s, NULL), -EINVAL); /* two fields with the same name */
    strcpy(s->vectors[1].name, "b");
    cr_expect_eq(schema_check(s, NULL), 0);
    struct error error;
    cr_expect_lt(schema_check_implemented(s, &error), 0);
    cr_expect_eq(error.code, ERROR_UNIMPLEMENTED);
    s->vectors[1].number = 0;
    cr_expect_eq(schema_check(s, NULL), -EINVAL);
    schema_release(s);
    s = simple();
    cr_expect_eq(schema_check_implemented(s, &error), 0);
    s->vectors[0].multi = true;
    cr_expect_eq(schema_check_implemented(s, &error), -EOPNOTSUPP);
    s->vectors[0].multi = false;
    s->vectors[0].type = VECTOR_F16;
    cr_expect_eq(schema_check_implemented(s, &error), -EOPNOTSUPP);
    schema_release(s);
    s = schema_create(0, 0);
    cr_expect_eq(schema_check(s, NULL), -EINVAL);
    schema_release(s);
}

Test(schema, a_copy_has_references_of_its_own)
{
    struct schema *s = with(simple(), "a"), *copy = schema_copy(s);
    schema_release(schema_acquire(s));
    schema_release(s);
    cr_assert(copy->version == 2 && copy->field_count == 1 && copy->references == 1);
    cr_assert_eq(schema_find_field(copy, "a"), &copy->fields[0]);
    schema_release(copy);
}
