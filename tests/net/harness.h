/* harness.h -- a whole server in this process for the length of one test: on the
 * simulator, or on this machine. */
#pragma once

#include "actors/server.h"
#include "net/front.h"

/* The world of the server that runs; NULL: this machine. */
extern struct sim *harness_sim;

typedef void (*scenario_fn)(struct server *s);

/* Starts a server on `reactors` reactors and free ports, runs the scenario in a fiber of reactor 0,
 * stops the server. Fails the test when the server does not start or does not stop in order. */
void harness_run(enum backend_kind backend, unsigned reactors, scenario_fn scenario);
