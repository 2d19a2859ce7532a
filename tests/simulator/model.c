/* model.c -- an array; as simple as can be, because it is what the server is compared with. */
#include "model.h"

#include <string.h>

void model_init(struct model *m)
{
    memset(m, 0, sizeof *m);
    m->next_version = 1;
    for (uint32_t i = 0; i < MODEL_IDS; i++)
        m->points[i].count = 1; /* absent */
}

void model_begin(struct model *m, uint64_t id, uint32_t version)
{
    struct model_point *p = &m->points[id];
    for (uint32_t i = 0; i < p->count; i++)
        if (p->choices[i] == version)
            return;
    if (p->count < MODEL_CHOICES)
        p->choices[p->count++] = version;
}

bool model_settle(struct model *m, uint64_t id, uint32_t version)
{
    struct model_point *p = &m->points[id];
    for (uint32_t i = 0; i < p->count; i++)
        if (p->choices[i] == version) {
            p->choices[0] = version;
            p->count = 1;
            return true;
        }
    return false;
}

bool model_certain(const struct model *m)
{
    for (uint32_t i = 0; i < MODEL_IDS; i++)
        if (m->points[i].count != 1)
            return false;
    return true;
}

uint64_t model_count(const struct model *m)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < MODEL_IDS; i++)
        n += m->points[i].choices[0] != MODEL_ABSENT;
    return n;
}

void model_vector(uint64_t id, uint32_t version, float *ret)
{
    uint64_t x = id * 1000003 + version;
    for (int d = 0; d < MODEL_DIM; d++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        ret[d] = (float)((x >> 40) % 64);
    }
}

float model_distance(const float *a, const float *b)
{
    float sum = 0;
    for (int d = 0; d < MODEL_DIM; d++)
        sum += (a[d] - b[d]) * (a[d] - b[d]);
    return sum;
}

uint32_t model_version_of(const struct model *m, uint64_t id, const float *vector)
{
    float want[MODEL_DIM];
    const struct model_point *p = &m->points[id];
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->choices[i] == MODEL_ABSENT)
            continue;
        model_vector(id, p->choices[i], want);
        if (memcmp(want, vector, sizeof want) == 0)
            return p->choices[i];
    }
    return UINT32_MAX;
}
