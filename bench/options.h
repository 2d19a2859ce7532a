/* options.h -- parses values of command line options. Each function returns 0, or -1 after printing
 * an error. */
#pragma once

#include "vectors/metric.h"

#include <stdint.h>

int option_u32(const char *name, const char *text, uint32_t low, uint32_t high, uint32_t *ret);
int option_double(const char *name, const char *text, double low, double high, double *ret);
int option_metric(const char *text, enum metric *ret); /* l2, ip, cosine */
/* prints the error; returns -1 */
int option_wrong(const char *name, const char *text, const char *wanted);
