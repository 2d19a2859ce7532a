#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int option_wrong(const char *name, const char *text, const char *wanted)
{
    fprintf(stderr, "--%s %s: expected %s (--help)\n", name, text, wanted);
    return -1;
}

int option_u32(const char *name, const char *text, uint32_t low, uint32_t high, uint32_t *ret)
{
    char *end, wanted[64];
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || value < low || value > high) {
        snprintf(wanted, sizeof(wanted), "a whole number from %u to %u", low, high);
        return option_wrong(name, text, wanted);
    }
    *ret = (uint32_t)value;
    return 0;
}

int option_double(const char *name, const char *text, double low, double high, double *ret)
{
    char *end, wanted[64];
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= low && value <= high)) {
        snprintf(wanted, sizeof(wanted), "a number from %g to %g", low, high);
        return option_wrong(name, text, wanted);
    }
    *ret = value;
    return 0;
}

int option_metric(const char *text, enum metric *ret)
{
    static const struct {
        const char *name;
        enum metric metric;
    } names[] = {{"l2", METRIC_L2}, {"ip", METRIC_IP}, {"cosine", METRIC_COSINE}};
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(text, names[i].name) == 0) {
            *ret = names[i].metric;
            return 0;
        }
    return option_wrong("metric", text, "l2, ip or cosine");
}
