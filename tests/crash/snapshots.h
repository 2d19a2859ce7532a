/* snapshots.h -- makes, verifies and restores snapshots with the command line while the load goes
 * on, and records what they must hold.
 *
 * A snapshot holds the writes that were acknowledged before it was requested. It may hold those
 * that were under way meanwhile, and holds none that were sent after its answer. Only the newest
 * snapshot is kept; the one before is deleted. */
#pragma once

#include "load.h"
#include "server.h"

struct snapshots {
    const char *kith; /* the program; NULL: no snapshots */
    struct load *load;
    unsigned taken, verified, restored, interrupted;
    unsigned number;           /* counts the names that were used */
    char name[32], coming[32]; /* the newest acknowledged one, "": none; the one being made */
    pid_t child;               /* the process that is under way; 0: none */
    struct model is, comes;    /* the contents of `name` and of `coming` */
    bool torn;                 /* a restore was cut off: the data may be as `is` says */
};

/* Begins to make a snapshot. The load may go on. */
int snapshots_begin(struct snapshots *s, const struct server *server);
/* Looks whether the creation has ended; with `wait`, waits for its end. Returns 0, or failed() if a
 * living server refused it. */
int snapshots_poll(struct snapshots *s, const struct server *server, bool wait, bool server_lives);
int snapshots_verify(struct snapshots *s, const struct server *server);
/* Restores the newest snapshot; then the model is what it holds. Writes may be under way. They are
 * answered or refused when this returns. */
int snapshots_restore(struct snapshots *s, const struct server *server);
/* Likewise, but kills the server within about 250 ms. Then the data is as before the restore or as
 * in the snapshot. */
int snapshots_restore_killed(struct snapshots *s, struct server *server);
