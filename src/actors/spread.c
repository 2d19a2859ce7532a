#include "actors/spread.h"

#include <string.h>

static const char *const names[SPREAD_COUNT] = {[SPREAD_AUTO] = "auto", [SPREAD_ONE] = "1", [SPREAD_ALL] = "all"};

const char *spread_name(enum spread spread)
{
    return (unsigned)spread < SPREAD_COUNT ? names[spread] : NULL;
}

bool spread_parse(const char *text, enum spread *ret)
{
    for (enum spread s = SPREAD_AUTO; s < SPREAD_COUNT; s++)
        if (strcmp(text, names[s]) == 0) {
            *ret = s;
            return true;
        }
    return false;
}
