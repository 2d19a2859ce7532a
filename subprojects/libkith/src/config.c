/* Reads and changes the settings of the server. */
#include "connection.h"
#include "kith.pb-c.h"

static struct kith_setting setting_of(const Kith__Setting *s)
{
    return (struct kith_setting){
        .name = s->name,
        .value = s->value,
        .standard = s->standard,
        .source = (enum kith_setting_source)s->source,
        .number = s->number,
        .allowed = s->allowed,
        .what = s->what,
    };
}

/* name "": all settings. */
static int config_read(struct kith *k, const char *name, const Kith__Config **ret)
{
    Kith__GetConfig m = KITH__GET_CONFIG__INIT;
    m.name = (char *)name;
    ProtobufCMessage *reply;
    int rc = kith_call(k, KITH_OP_CONFIG_GET, &m.base, &kith__config__descriptor, &reply);
    *ret = rc == 0 ? (const Kith__Config *)reply : NULL;
    return rc;
}

int kith_config_list(struct kith *k, const struct kith_setting **ret, size_t *ret_count)
{
    const Kith__Config *all;
    int rc = config_read(k, "", &all);
    if (rc < 0)
        return rc;
    struct kith_setting *to = reply_arena_alloc(&k->arena, (all->n_settings + 1) * sizeof(*to));
    if (!to)
        return kith_fail(k, KITH_NO_MEMORY, "no memory for %zu settings", all->n_settings);
    for (size_t i = 0; i < all->n_settings; i++)
        to[i] = setting_of(all->settings[i]);
    *ret = to;
    *ret_count = all->n_settings;
    return 0;
}

int kith_config_get(struct kith *k, const char *name, struct kith_setting *ret)
{
    const Kith__Config *one;
    int rc = config_read(k, name, &one);
    if (rc < 0)
        return rc;
    if (one->n_settings != 1)
        return kith_fail(k, KITH_INVALID_ARGUMENT, "a setting has a name");
    *ret = setting_of(one->settings[0]);
    return 0;
}

static int change(struct kith *k, Kith__SetConfig *m, struct kith_setting *ret)
{
    ProtobufCMessage *reply;
    int rc = kith_call(k, KITH_OP_CONFIG_SET, &m->base, &kith__setting__descriptor, &reply);
    if (rc == 0 && ret)
        *ret = setting_of((const Kith__Setting *)reply);
    return rc;
}

int kith_config_set(struct kith *k, const char *name, const char *value, struct kith_setting *ret)
{
    Kith__SetConfig m = KITH__SET_CONFIG__INIT;
    m.name = (char *)name;
    m.value = (char *)value;
    return change(k, &m, ret);
}

int kith_config_reset(struct kith *k, const char *name, struct kith_setting *ret)
{
    Kith__SetConfig m = KITH__SET_CONFIG__INIT;
    m.name = (char *)name;
    m.reset = true;
    return change(k, &m, ret);
}
