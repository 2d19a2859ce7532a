/* memory_faults.h -- allocations that fail when the seed says so. The linker redirects malloc(),
 * calloc() and others to this file (--wrap in meson.build). */
#pragma once

#include "reactor/fibers/fiber.h"
#include "reactor/sim/sim.h"

/* Sets the simulator that decides which allocations fail. NULL: none fails. */
void memory_faults_of(struct sim *sim);
/* From now on no allocation of the calling fiber fails: the fiber is a client, not the server. */
void memory_faults_spare(void);
