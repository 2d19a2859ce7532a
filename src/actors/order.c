/* order.c -- why so many credits: searches and writes are as many as the clients' requests, each
 * write may need a notice, and the first writes of many collections share the flush of a commit.
 * The others are few: of background work each reactor does two or three pieces at once, and changes
 * of the catalog go one after the other. */
#include "actors/order.h"

const uint16_t order_credits[ORDERS] = {
    [ORDER_WORK] = 16,    [ORDER_NOTICE] = 112, [ORDER_STEP] = 16,    [ORDER_COMMIT] = 64,
    [ORDER_READ] = 128,   [ORDER_WRITE] = 128,  [ORDER_MAINTAIN] = 8, [ORDER_CONTROL] = 8,
    [ORDER_CATALOG] = 16, [ORDER_SNAPSHOT] = 8, [ORDER_SERVER] = 4,
};
