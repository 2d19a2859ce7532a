/* The table of requests in flight. Ids count up, and a request is at [id % capacity]. Answers
 * arrive in any order. If an older request still has the place of a new one, the table doubles. */
#include "connection.h"

#include <stdlib.h>
#include <string.h>

static int table_grow(struct kith *k)
{
    size_t capacity = k->requests_capacity ? k->requests_capacity * 2 : 64;
    for (;; capacity *= 2) {
        struct request *table = calloc(capacity, sizeof(*table));
        if (!table)
            return -1;
        bool fits = true;
        for (size_t i = 0; i < k->requests_capacity && fits; i++) {
            const struct request *r = &k->requests[i];
            if (r->id == 0)
                continue;
            struct request *to = &table[(uint64_t)r->id % capacity];
            fits = to->id == 0;
            *to = *r;
        }
        if (fits) {
            free(k->requests);
            k->requests = table;
            k->requests_capacity = capacity;
            return 0;
        }
        free(table);
    }
}

struct request *request_add(struct kith *k, uint16_t op)
{
    while (k->requests_capacity == 0 || k->requests[(uint64_t)k->id_next % k->requests_capacity].id != 0)
        if (table_grow(k) < 0)
            return NULL;
    struct request *r = &k->requests[(uint64_t)k->id_next % k->requests_capacity];
    *r = (struct request){.id = k->id_next++, .op = op};
    k->in_flight++;
    return r;
}

struct request *request_find(struct kith *k, uint64_t id)
{
    if (id == 0 || k->requests_capacity == 0)
        return NULL;
    struct request *r = &k->requests[id % k->requests_capacity];
    return (uint64_t)r->id == id ? r : NULL;
}

void requests_forget(struct kith *k)
{
    if (k->requests_capacity > 0)
        memset(k->requests, 0, k->requests_capacity * sizeof(*k->requests));
    k->in_flight = 0;
}

void request_remove(struct kith *k, struct request *r)
{
    r->id = 0;
    k->in_flight--;
}
