/* ann -- recall against time on one core, Kith beside its peers. bench/README.md says how to read it. */
#include "ann.h"

#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct peer *const peers[] = {
    &peer_kith,
#ifdef HAVE_HNSWLIB
    &peer_hnswlib,
#endif
#ifdef HAVE_FAISS
    &peer_faiss,
#endif
};

static bool list_has(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == 0))
            return true;
    return false;
}

static unsigned engines_choose(const char *names, struct ann_engine *engines)
{
    unsigned count = 0;
    for (size_t i = 0; i < ARRAY_LEN(peers); i++)
        if (!names || list_has(names, peers[i]->name))
            engines[count++].peer = peers[i];
    return count;
}

int main(int argc, char **argv)
{
    struct ann_options o;
    int rc = ann_options_read(argc, argv, &o);
    if (rc <= 0)
        return rc < 0 ? 2 : 0;

    static struct ann_engine engines[ANN_ENGINES_MAX];
    unsigned count = engines_choose(o.engines, engines);
    if (count == 0) {
        fprintf(stderr, "ann: no engine of the name %s in this build\n", o.engines);
        return 2;
    }
    int core = core_pin(o.core);
    if (core < 0)
        fprintf(stderr, "ann: cannot stay on one core; going on without\n");

    struct dataset data;
    struct error e;
    if (dataset_open(&o.data, &data, &e) < 0) {
        fprintf(stderr, "ann: %s\n", e.text);
        return 1;
    }
    rc = ann_measure(&o, &data, engines, count);
    if (rc == 0 && o.json)
        ann_report_json(&o, &data, engines, count);
    else if (rc == 0)
        ann_report_text(&o, &data, engines, count);
    for (unsigned i = 0; i < count; i++)
        if (engines[i].index)
            engines[i].peer->destroy(engines[i].index);
    dataset_fini(&data);
    return rc == 0 ? 0 : 1;
}
