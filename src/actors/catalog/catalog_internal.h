/* catalog_internal.h -- what the files of the catalog owe each other. */
#pragma once

#include "actors/catalog/catalog.h"
#include "actors/catalog/catalog_messages.h"

/* Makes a change of the manifest durable, then true in memory. Negative, with the sentence where
 * error is not NULL. Waits. */
MUST_USE int catalog_commit(struct catalog *c, const struct manifest_change *change, struct error *error);
/* MSG_CATALOG_SCHEMA (catalog_schema.c). Waits. */
MUST_USE int catalog_on_schema(struct catalog *c, struct catalog_schema_message *m);
