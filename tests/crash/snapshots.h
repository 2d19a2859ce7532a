/* snapshots.h -- snapshots taken, checked and restored with the command line while the load goes
 * on, and what they must hold.
 *
 * What was acknowledged before a snapshot was asked for is in it; what was under way
 * meanwhile may be; what was sent after its answer is not. Only the newest one is kept track
 * of; the one before is deleted. */
#pragma once

#include "load.h"
#include "server.h"

struct snapshots {
    const char *kith; /* the program; NULL: no snapshots */
    struct load *load;
    unsigned taken, verified, restored, interrupted;
    unsigned number;           /* of names */
    char name[32], coming[32]; /* the newest that was acknowledged, "": none; the one that is being taken */
    pid_t child;               /* what is under way; 0: nothing */
    struct model is, comes;    /* what they hold */
    bool torn;                 /* a restore was cut off: the data may be what `is` says */
};

/* Begins one; the load may go on. */
int snapshots_begin(struct snapshots *s, const struct server *server);
/* Has it ended? With wait: when it has. 0, or failed() when the server lives and it was refused. */
int snapshots_poll(struct snapshots *s, const struct server *server, bool wait, bool server_lives);
int snapshots_verify(struct snapshots *s, const struct server *server);
/* Restores the newest: afterwards the model is what it holds. Writes may be under way; they are
 * answered or refused when this returns. */
int snapshots_restore(struct snapshots *s, const struct server *server);
/* Likewise, but the server is killed within about a quarter of a second: afterwards the data is
 * either what it was or what the snapshot holds. */
int snapshots_restore_killed(struct snapshots *s, struct server *server);
