#include "base/size.h"
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned shift;
} units[] = {{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"", 0}};

/* Digits, and perhaps a point and more of them; strtod() would take "inf" and "0x" too. */
static const char *number_end(const char *text)
{
    const char *end = text + strspn(text, "0123456789");
    if (end > text && *end == '.' && strspn(end + 1, "0123456789"))
        end += 1 + strspn(end + 1, "0123456789");
    return end;
}

bool size_parse(const char *text, uint64_t whole, uint64_t *ret)
{
    const char *unit = number_end(text);
    if (unit == text)
        return false;
    const double n = strtod(text, NULL);
    double bytes = -1;
    if (strcmp(unit, "%") == 0 && whole && n <= 100)
        bytes = n / 100 * (double)whole;
    for (unsigned i = 0; i < ARRAY_LEN(units) && bytes < 0; i++)
        if (strcmp(unit, units[i].name) == 0)
            bytes = n * (double)((uint64_t)1 << units[i].shift);
    if (bytes < 0 || bytes >= 0x1p62)
        return false;
    *ret = (uint64_t)bytes;
    return true;
}

const char *size_format(uint64_t bytes, char text[SIZE_TEXT_MAX])
{
    for (unsigned i = 0; units[i].shift; i++) {
        const double n = (double)bytes / (double)((uint64_t)1 << units[i].shift);
        if (n < 1)
            continue;
        snprintf(text, SIZE_TEXT_MAX, n < 9.95 ? "%.1f %s" : "%.0f %s", n, units[i].name);
        return text;
    }
    snprintf(text, SIZE_TEXT_MAX, "%u bytes", (unsigned)bytes);
    return text;
}
