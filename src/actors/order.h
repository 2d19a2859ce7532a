/* order.h -- the order of everything that fibers of the server wait for, the lowest first.
 * reactor/fibers/order.h says what an order is for; here is which there are. A fiber waits only for
 * what stands above everything that it holds in this list:
 *
 *     order        what                                      who holds it may wait for
 *     WORK         a share of a build                        nothing
 *     NOTICE       a message of dead rows, of damage, ...    nothing
 *     STEP         a step of sharing or a merge, a log's      the disk, notices, searches that read
 *                  flush, an order of the disk watch
 *     MANIFEST     the lock of the manifest                  the disk, steps
 *     COMMIT       a message that changes the manifest       the lock of the manifest
 *     READ         a message that reads                      notices
 *     BACKGROUND   a store's background work                 all of the above
 *     WRITE        a message that writes                     background work
 *     MAINTAIN     a request to seal or to compact           background work
 *     ADMISSION    a place in a lane, and its memory         all of the above
 *     COLLECTION   to be inside a collection's gate          all of the above
 *     CONTROL      a message that opens, creates, drops      all who are inside the gate of a
 *                  collection
 *     CHANGE       the lock of the list of collections,      all of the above
 *                  and that of the settings
 *     CATALOG      a message that asks for such a change     the locks
 *     SNAPSHOT     a message that makes or restores one      the locks
 *     SERVER       a message that ends the server's work     all of the above
 *
 * Clients' requests hold nothing when they begin, and so may wait for all of it; what their
 * frames take (byte_pool.h), and their session's places, is only waited for before they begin.
 * Memory that the budget grants is not waited for but asked for again and again, and in the end
 * refused (shards/memory.c). */
#pragma once

#include "reactor/fibers/order.h"

#include <stdint.h>

enum order {
    ORDER_WORK,
    ORDER_NOTICE,
    ORDER_STEP,
    ORDER_MANIFEST,
    ORDER_COMMIT,
    ORDER_READ,
    ORDER_BACKGROUND,
    ORDER_WRITE,
    ORDER_MAINTAIN,
    ORDER_ADMISSION,
    ORDER_COLLECTION,
    ORDER_CONTROL,
    ORDER_CHANGE,
    ORDER_CATALOG,
    ORDER_SNAPSHOT,
    ORDER_SERVER,
};

/* How many messages of each order may be under way between two reactors; as struct
 * runtime_options wants it. */
extern const uint16_t order_credits[ORDERS];
