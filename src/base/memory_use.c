/* memory_use.c -- the names of the kinds of memory, and sums over them. */
#include "base/memory_use.h"
#include "base/check.h"

const char *memory_kind_name(enum memory_kind kind)
{
    static const char *const names[MEMORY_KINDS] = {
        [MEMORY_ROWS] = "rows",         [MEMORY_LINKS] = "links",       [MEMORY_CODES] = "codes",
        [MEMORY_REFINE] = "refine",     [MEMORY_IDS] = "ids",           [MEMORY_BUILDS] = "builds",
        [MEMORY_SEARCHES] = "searches", [MEMORY_REQUESTS] = "requests", [MEMORY_LOG] = "log",
        [MEMORY_FIBERS] = "fibers",
    };
    return (unsigned)kind < MEMORY_KINDS ? names[kind] : "?";
}

void memory_use_add(struct memory_use *to, const struct memory_use *more)
{
    for (unsigned i = 0; i < MEMORY_KINDS; i++)
        to->bytes[i] += more->bytes[i];
    to->mapped += more->mapped;
}

uint64_t memory_use_sum(const struct memory_use *u)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < MEMORY_KINDS; i++)
        sum += u->bytes[i];
    return sum;
}
