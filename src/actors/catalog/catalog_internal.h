/* catalog_internal.h -- functions that the files of the catalog share. */
#pragma once

#include "actors/catalog/catalog.h"
#include "actors/catalog/catalog_messages.h"

/* Makes a change of the manifest durable, then applies it in memory. Returns a negative errno,
 * with a sentence in *error unless error is NULL. Waits. */
MUST_USE int catalog_commit(struct catalog *c, const struct manifest_change *change, struct error *error);
/* MSG_CATALOG_SCHEMA (catalog_schema.c). Waits. */
MUST_USE int catalog_on_schema(struct catalog *c, struct catalog_schema_message *m);
