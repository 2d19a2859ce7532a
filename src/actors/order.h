/* order.h -- the order of everything that fibers of the server wait for, the lowest first.
 * reactor/fibers/order.h says what an order is for. A fiber waits only for what stands above
 * everything that it holds in this list:
 *
 *    order        for                                 its holder may wait for
 *    WORK         a share of a build                  nothing
 *    NOTICE       a message of dead rows, damage, ... nothing
 *    STEP         a step of sharing or a merge, a     the disk, notices, searches that read
 *                 flush of a log, an order of the
 *                 disk watch
 *    MANIFEST     the lock of the manifest            the disk, steps
 *    COMMIT       a message that changes the manifest the lock of the manifest
 *    READ         a message that reads                notices
 *    BACKGROUND   a store's background work           all of the above
 *    WRITE        a message that writes               background work
 *    MAINTAIN     a request to seal or to compact     background work
 *    ADMISSION    a place in a lane, and its memory   all of the above
 *    COLLECTION   a place inside a collection's gate  all of the above
 *    CONTROL      a message that opens, creates,      all requests inside the gate of a
 *                 drops                               collection
 *    CHANGE       the lock of the list of             all of the above
 *                 collections, that of the settings
 *    CATALOG      a message that asks for a change    the locks
 *    SNAPSHOT     a message about snapshots           the locks
 *    SERVER       a message that ends the server's    all of the above
 *                 work
 *
 * A client's request holds nothing when it begins, so it may wait for all of these. Memory for
 * its frame (byte_pool.h) and a place in its session are waited for only before it begins.
 * Memory of the budget is not waited for. It is asked for again and again, and in the end
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

/* How many messages of each order may be under way between two reactors, for
 * struct runtime_options. */
extern const uint16_t order_credits[ORDERS];
