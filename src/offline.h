/* offline.h -- kithd --verify: checks a data folder that no server has open. */
#pragma once

#include "reactor/runtime.h"

/* Compares every checksum of the folder. The report goes to standard output, progress to standard
 * error. Returns the exit status: 0, or 1 when a file is damaged or the check failed. Not callable
 * from a fiber. */
int offline_verify(const char *dir, enum backend_kind backend);
