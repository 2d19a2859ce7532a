/* op_config.c -- the operations on settings. */
#include "actors/core.h"
#include "actors/router/router.h"
#include "net/native/exchange.h"
#include "net/native/meta/meta.h"
#include "net/native/operation.h"

#include <errno.h>

#define ALLOWED_MAX 160

static int setting_give(struct native_request *r, unsigned which, Kith__Setting *ret)
{
    const struct setting *x = &setting_table[which];
    const struct settings *s = &r->rq->core->settings;
    char *value = arena_alloc(&r->rq->bulk, SETTING_TEXT_MAX);
    char *standard = arena_alloc(&r->rq->bulk, SETTING_TEXT_MAX);
    char *allowed = arena_alloc(&r->rq->bulk, ALLOWED_MAX);
    if (!value || !standard || !allowed)
        return request_error(r->rq, -ENOMEM, "answer");
    setting_format(x, settings_read(s, which), value);
    setting_format(x, x->standard, standard);
    setting_allowed(x, allowed, ALLOWED_MAX);
    kith__setting__init(ret);
    ret->name = (char *)(uintptr_t)x->name; /* protobuf-c only reads it */
    ret->what = (char *)(uintptr_t)x->what;
    ret->value = value;
    ret->standard = standard;
    ret->allowed = allowed;
    ret->number = settings_read(s, which);
    ret->source = (Kith__SettingSource)s->sources[which];
    return 0;
}

int op_config_get(struct native_request *r, const void *message)
{
    const Kith__GetConfig *ask = message;
    Kith__Config answer = KITH__CONFIG__INIT;
    unsigned first = 0, end = setting_count;
    int rc = 0;
    if (ask->name[0]) {
        rc = setting_find(ask->name, &first, &r->rq->error);
        end = first + 1;
    }
    if (rc < 0)
        return rc;
    Kith__Setting *messages = arena_alloc(&r->rq->bulk, setting_count * sizeof(*messages));
    answer.settings = arena_alloc(&r->rq->bulk, setting_count * sizeof(*answer.settings));
    if (!messages || !answer.settings)
        return request_error(r->rq, -ENOMEM, "answer");
    for (unsigned i = first; i < end && rc == 0; i++) {
        rc = setting_give(r, i, &messages[i]);
        answer.settings[answer.n_settings++] = &messages[i];
    }
    return rc < 0 ? rc : exchange_answer(r, &answer.base);
}

int op_config_set(struct native_request *r, const void *message)
{
    const Kith__SetConfig *ask = message;
    Kith__Setting answer;
    unsigned which;
    int rc = setting_find(ask->name, &which, &r->rq->error);
    if (rc == 0)
        rc = router_config_set(r->rq, ask->name, ask->reset ? NULL : ask->value);
    if (rc == 0)
        rc = setting_give(r, which, &answer);
    return rc < 0 ? rc : exchange_answer(r, &answer.base);
}
