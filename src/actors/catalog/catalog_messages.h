/* catalog_messages.h -- messages that change the manifest, all to actors on reactor 0.
 * When a message is back, its change is durable and every reactor knows it. Pointers
 * are lent until then. */
#pragma once

#include "reactor/message.h"
#include "shards/snapshot/snapshot.h"

enum catalog_message_type {
    MSG_CATALOG_CREATE = 0x300,   /* to ACTOR_CATALOG */
    MSG_CATALOG_DROP,             /* to ACTOR_CATALOG */
    MSG_CATALOG_SCHEMA,           /* to ACTOR_CATALOG */
    MSG_CATALOG_CONFIGURE,        /* to ACTOR_CATALOG */
    MSG_CATALOG_SNAPSHOT_CREATE,  /* to ACTOR_SNAPSHOT */
    MSG_CATALOG_SNAPSHOT_DELETE,  /* to ACTOR_SNAPSHOT */
    MSG_CATALOG_SNAPSHOT_RESTORE, /* to ACTOR_SNAPSHOT */
    /* to ACTOR_COMMIT: for instance, a segment was sealed and the log may begin later */
    MSG_CATALOG_COMMIT,
    MSG_CATALOG_OLDEST, /* to ACTOR_COMMIT: the oldest version in other segments of a collection */
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
    /* memory of schema_bytes() for the largest number of vectors and fields */
    void *room;
    struct schema *schema; /* answer: the new schema, in `room` */
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
    unsigned owner;   /* segments of which another reactor owns all rows do not count either */
    uint64_t version; /* answer; UINT64_MAX: no segment counts */
};

struct catalog_snapshot_message {
    struct message base;
    const char *name;
    struct snapshot_info info; /* answer: the new snapshot */
    struct error *error;
};

struct catalog_configure_message {
    struct message base;
    const char *name, *value; /* value NULL: back to the default */
    struct error *error;
};
