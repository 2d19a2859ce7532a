/* memory_faults.h -- allocations that fail when the seed says so: the linker sends malloc() and its
 * kin here (--wrap in meson.build). */
#pragma once

#include "reactor/fibers/fiber.h"
#include "reactor/sim/sim.h"

/* The world whose faults count; NULL: none. */
void memory_faults_of(struct sim *sim);
/* The calling fiber's allocations never fail from now on: it is a client's, not the server's. */
void memory_faults_spare(void);
