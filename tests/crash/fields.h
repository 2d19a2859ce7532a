/* fields.h -- the schema of the collection is changed with the command line while the load goes on,
 * so that a kill may come in the middle of a change.
 *
 * A change that was acknowledged is there after a start. One that was under way may be. */
#pragma once

#include "load.h"
#include "server.h"

struct fields {
    const char *kith; /* the program; NULL: no changes */
    struct load *load;
    unsigned changed;
    pid_t child;     /* the change that is under way; 0: none */
    unsigned number; /* of the field that it changes */
};

/* Begins to add a field that is not there, or to drop one that is; the load may go on. */
int fields_begin(struct fields *f, const struct server *server);
/* Has it ended? With wait: when it has. 0, or failed() when the server lives and refused it. */
int fields_poll(struct fields *f, bool wait, bool server_lives);
