/* catalog_messages.h -- what changes the manifest; all to actors on reactor 0. When the answer is
 * home the change is durable and every reactor knows it. Pointers are lent until then. */
#pragma once

#include "reactor/message.h"
#include "shards/snapshot/snapshot.h"

enum catalog_message_type {
    MSG_CATALOG_CREATE = 0x300,   /* to ACTOR_CATALOG */
    MSG_CATALOG_DROP,             /* likewise */
    MSG_CATALOG_SCHEMA,           /* likewise */
    MSG_CATALOG_CONFIGURE,        /* likewise */
    MSG_CATALOG_SNAPSHOT_CREATE,  /* to ACTOR_SNAPSHOT */
    MSG_CATALOG_SNAPSHOT_DELETE,  /* likewise */
    MSG_CATALOG_SNAPSHOT_RESTORE, /* likewise */
    /* to ACTOR_COMMIT: a segment was sealed, the log may begin later */
    MSG_CATALOG_COMMIT,
    MSG_CATALOG_OLDEST, /* likewise: the oldest row of a collection's other segments */
};

struct catalog_create_message {
    struct message base;
    struct collection_config *config; /* checked and completed by the catalog */
    struct error *error;
};

struct catalog_drop_message {
    struct message base;
    const char *name;
    struct error *error;
};

struct catalog_schema_message {
    struct message base;
    uint64_t collection;
    const struct schema_change *change;
    void *room;            /* schema_bytes() of as many vectors and fields as there may be */
    struct schema *schema; /* answer: what the schema has become, in `room` */
    struct error *error;
};

struct catalog_commit_message {
    struct message base;
    const struct manifest_edit *edit;
};

struct catalog_oldest_message {
    struct message base;
    uint64_t collection;
    const uint64_t *but; /* ids of segments that do not count */
    uint32_t but_count;
    unsigned owner;   /* segments whose rows are all owned elsewhere do not count either */
    uint64_t version; /* the answer; UINT64_MAX: there are no rows */
};

struct catalog_snapshot_message {
    struct message base;
    const char *name;
    struct snapshot_info info; /* of the one that was made */
    struct error *error;
};

struct catalog_configure_message {
    struct message base;
    const char *name, *value; /* value NULL: the default again */
    struct error *error;
};
