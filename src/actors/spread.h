/* spread.h -- how many cores work on one search. */
#pragma once

#include <stdbool.h>

/* The numbers are those of the protocol. */
enum spread {
    SPREAD_UNSAID, /* of a request: as the setting search.spread says */
    SPREAD_AUTO,   /* all while the others have time, otherwise one */
    SPREAD_ONE,    /* the core of the connection */
    SPREAD_ALL,
    SPREAD_COUNT
};

/* As users type them: "auto", "1" and "all"; NULL for any other. */
const char *spread_name(enum spread spread);
bool spread_parse(const char *text, enum spread *ret);
