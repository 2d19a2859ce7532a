/* kinds.c -- the list of column kinds: those of kinds.def, and those that a program adds. */
#include "columns/column.h"

#include <stdio.h>
#include <string.h>

#define ADDED_MAX 4

#define COLUMN_KIND(name) extern const struct column_kind column_##name;
#include "columns/kinds.def"
#undef COLUMN_KIND

#define COLUMN_KIND(name) &column_##name,
static const struct column_kind *const kinds[] = {
#include "columns/kinds.def"
};
#undef COLUMN_KIND

static const struct column_kind *added[ADDED_MAX];
static unsigned added_count;

static size_t kind_count(void)
{
    return ARRAY_LEN(kinds) + added_count;
}

static const struct column_kind *kind_at(size_t i)
{
    return i < ARRAY_LEN(kinds) ? kinds[i] : added[i - ARRAY_LEN(kinds)];
}

const struct column_kind *column_kind_of(unsigned id)
{
    for (size_t i = 0; i < kind_count(); i++)
        if (kind_at(i)->id == id)
            return kind_at(i);
    return NULL;
}

const struct column_kind *column_kind_named(const char *name)
{
    for (size_t i = 0; i < kind_count(); i++)
        if (strcmp(kind_at(i)->name, name) == 0)
            return kind_at(i);
    return NULL;
}

const char *column_kind_names(void)
{
    static _Thread_local char text[128];
    size_t n = 0;
    for (size_t i = 0; i < kind_count() && n < sizeof(text); i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, i ? ", %s" : "%s", kind_at(i)->name);
    return text;
}

void column_kind_add(const struct column_kind *kind)
{
    check(kind->id != 0 && !column_kind_of(kind->id) && !column_kind_named(kind->name));
    check(added_count < ADDED_MAX);
    added[added_count++] = kind;
}
