/* router_config.c -- changes a setting, through the catalog on reactor 0. Settings are read from
 * the own core's copy. */
#include "actors/catalog/catalog_messages.h"
#include "actors/router/router_internal.h"

int router_config_set(struct request *rq, const char *name, const char *value)
{
    struct catalog_configure_message m = {.name = name, .value = value, .error = &rq->error};
    int rc = router_check_serving(rq, "setting");
    if (rc == 0)
        rc = router_call_catalog(rq, &m.base, ACTOR_CATALOG, MSG_CATALOG_CONFIGURE);
    return rc < 0 && rq->error.code == ERROR_OK ? request_error(rq, rc, "setting") : rc;
}
