/* kinds.c -- the list of index kinds: a line of kinds.def for each, of which AUTOINDEX takes the
 * first, and kinds that a program adds. */
#include "index/kind.h"

#include <stdio.h>
#include <string.h>

#define ADDED_MAX 4

#define INDEX_KIND(name) extern const struct index_kind index_##name;
#include "index/kinds.def"
#undef INDEX_KIND

#define INDEX_KIND(name) &index_##name,
static const struct index_kind *const kinds[] = {
#include "index/kinds.def"
};
#undef INDEX_KIND

static const struct index_kind *added[ADDED_MAX];
static unsigned added_count;

static const struct index_kind *kind_at(size_t i)
{
    return i < ARRAY_LEN(kinds) ? kinds[i] : added[i - ARRAY_LEN(kinds)];
}

static size_t kind_count(void)
{
    return ARRAY_LEN(kinds) + added_count;
}

const struct index_kind *index_kind_of(unsigned id)
{
    if (id == 0)
        return kinds[0];
    for (size_t i = 0; i < kind_count(); i++)
        if (kind_at(i)->id == id)
            return kind_at(i);
    return NULL;
}

const struct index_kind *index_kind_named(const char *name)
{
    if (strcmp(name, "auto") == 0)
        return kinds[0];
    for (size_t i = 0; i < kind_count(); i++)
        if (strcmp(kind_at(i)->name, name) == 0)
            return kind_at(i);
    return NULL;
}

const char *index_kind_names(void)
{
    static _Thread_local char text[128];
    size_t n = (size_t)snprintf(text, sizeof(text), "auto");
    for (size_t i = 0; i < kind_count() && n < sizeof(text); i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, ", %s", kind_at(i)->name);
    return text;
}

void index_kind_add(const struct index_kind *kind)
{
    check(!index_kind_named(kind->name) && (kind->id != 0 && !index_kind_of(kind->id)));
    check(added_count < ADDED_MAX);
    added[added_count++] = kind;
}
