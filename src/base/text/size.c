/* size.c -- formats bytes with a binary unit into the caller's buffer. */
#include "base/text/size.h"

#include <stdio.h>

static const struct {
    const char *name;
    unsigned shift;
} units[] = {{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}};

const char *size_format(uint64_t bytes, char text[SIZE_TEXT_MAX])
{
    for (unsigned i = 0; i < sizeof(units) / sizeof(*units); i++) {
        const double n = (double)bytes / (double)((uint64_t)1 << units[i].shift);
        if (n < 1)
            continue;
        snprintf(text, SIZE_TEXT_MAX, n < 9.95 ? "%.1f %s" : "%.0f %s", n, units[i].name);
        return text;
    }
    snprintf(text, SIZE_TEXT_MAX, "%u bytes", (unsigned)bytes);
    return text;
}
