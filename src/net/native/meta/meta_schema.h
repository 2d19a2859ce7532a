/* meta_schema.h -- converts collections and their schemas between the messages of kith.proto and
 * the structs of the router. */
#pragma once

#include "actors/router/router.h"
#include "kith.pb-c.h"

/* Reads the values that a user may set for a collection. Missing values stay 0, and
 * collection_config_check() chooses them. The schema lies in the request's arena. Negative, with
 * the sentence in rq->error. */
MUST_USE int meta_collection(struct request *rq, const Kith__Collection *from, struct collection_config *ret);
/* Makes the message of a collection. It borrows the texts of config; the rest lies in the request's
 * arena. Negative, with the sentence in rq->error. */
MUST_USE int meta_collection_init(struct request *rq, Kith__Collection *ret, const struct collection_config *config);

/* Negative, with the sentence in rq->error. */
MUST_USE int meta_vector(struct request *rq, const Kith__Vector *from, struct vector_spec *ret);
MUST_USE int meta_field(struct request *rq, const Kith__Field *from, struct field_spec *ret);
