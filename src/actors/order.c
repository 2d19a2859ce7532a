/* order.c -- how many credits each order has. There are as many searches and writes as clients
 * have requests. Each write may need a notice. The first writes of many collections share the
 * flush of a commit. The other orders need few: a reactor does two or three pieces of background
 * work at once, and changes of the catalog go one after the other. */
#include "actors/order.h"

const uint16_t order_credits[ORDERS] = {
    [ORDER_WORK] = 16,    [ORDER_NOTICE] = 112, [ORDER_STEP] = 16,    [ORDER_COMMIT] = 64,
    [ORDER_READ] = 128,   [ORDER_WRITE] = 128,  [ORDER_MAINTAIN] = 8, [ORDER_CONTROL] = 8,
    [ORDER_CATALOG] = 16, [ORDER_SNAPSHOT] = 8, [ORDER_SERVER] = 4,
};
