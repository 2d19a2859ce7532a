/* offline.h -- what kithd does with a data folder that nobody serves. */
#pragma once

#include "reactor/runtime.h"

/* Compares every checksum of the folder; the report goes to standard output, progress to standard
 * error. Returns the exit status: 0, or 1 when something is damaged or the check could not be
 * made. Not in a fiber. */
int offline_verify(const char *dir, enum backend_kind backend);
