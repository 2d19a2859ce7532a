/* filters.h -- filters that a client draws: as a message for the server, as a test of a point for
 * the model, and as text. */
#pragma once

#include "kith.pb-c.h"
#include "payloads.h"

#include <stddef.h>

#define CONDITIONS_MAX   5
#define MATCH_VALUES_MAX 3

enum clause { CLAUSE_MUST, CLAUSE_MUST_NOT, CLAUSE_SHOULD, CLAUSES };
enum condition_test { CONDITION_MATCH, CONDITION_RANGE, CONDITION_NULL, CONDITION_EMPTY };

struct bound {
    enum { BOUND_NONE, BOUND_INTEGER, BOUND_REAL } is;
    bool is_open; /* a value equal to the bound does not pass */
    int64_t integer;
    double real;
};

struct condition {
    enum clause clause;
    enum condition_test test;
    unsigned field;
    int64_t values[MATCH_VALUES_MAX]; /* MATCH: the field has one of these */
    unsigned value_count;
    struct bound low, high; /* RANGE */
};

struct drawn_filter {
    const struct payloads *payloads; /* those of the points that are searched */
    struct condition conditions[CONDITIONS_MAX];
    unsigned count; /* at least 1 */
};

/* Draws conditions on the fields whose bits are set in `fields`. At least one bit must be set. */
void filter_draw(struct drawn_filter *f, const struct payloads *payloads, unsigned fields, uint64_t *random);
bool filter_lets_pass(const void *filter, uint64_t id, uint32_t version);
/* Whether a point without any of the fields passes, such as a point of another client. */
bool filter_lets_pass_without_fields(const struct drawn_filter *f);
/* Writes the filter for people: "must field1 in 3,-2; must_not field0 empty". Returns text. */
const char *filter_text(const struct drawn_filter *f, char *text, size_t size);

/* The filter as a message, with the memory of all its parts. */
struct filter_message {
    Kith__Filter filter;
    Kith__Condition conditions[CONDITIONS_MAX], *clauses[CLAUSES][CONDITIONS_MAX];
    Kith__Match matches[CONDITIONS_MAX];
    Kith__Range ranges[CONDITIONS_MAX];
    Kith__Number numbers[2 * CONDITIONS_MAX];
    char paths[CONDITIONS_MAX][PAYLOAD_PATH];
};
void filter_message_init(struct filter_message *m, const struct drawn_filter *f);
