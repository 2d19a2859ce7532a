/* check.c -- what a failed check says before it ends the process. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *file, int line, const char *belief)
{
    fprintf(stderr, "%s:%d: broken belief: %s\n", file, line, belief);
    abort();
}
