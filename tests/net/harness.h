/* harness.h -- runs a whole server in this process for one test, on the simulator or on this
 * machine. */
#pragma once

#include "actors/server.h"
#include "net/front.h"

/* The simulator on which the server runs; NULL: it runs on this machine. */
extern struct sim *harness_sim;

typedef void (*scenario_fn)(struct server *s);

/* Starts a server with `reactors` reactors and free ports, runs the scenario in a fiber of reactor
 * 0, and stops the server. Fails the test if the server does not start or stop in order. */
void harness_run(enum backend_kind backend, unsigned reactors, scenario_fn scenario);
