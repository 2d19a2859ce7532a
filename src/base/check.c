/* check.c -- prints the failed assertion and ends the process. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *file, int line, const char *assertion)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, assertion);
    abort();
}
