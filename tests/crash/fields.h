/* fields.h -- changes the schema of the collection with the command line while the load goes on, so
 * that a kill may come in the middle of a change.
 *
 * An acknowledged change must be there after a start. A change that was under way may be there. */
#pragma once

#include "load.h"
#include "server.h"

struct fields {
    const char *kith; /* the program; NULL: no changes */
    struct load *load;
    unsigned changed;
    pid_t child;     /* the process of the change that is under way; 0: none */
    unsigned number; /* the number of the field that it changes */
};

/* Begins to add a missing field, or to drop a present one. The load may go on. */
int fields_begin(struct fields *f, const struct server *server);
/* Looks whether the change has ended; with `wait`, waits for its end. Returns 0, or failed() if a
 * living server refused it. */
int fields_poll(struct fields *f, bool wait, bool server_lives);
