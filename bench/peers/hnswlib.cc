// hnswlib, used as its own examples use it. It is header-only, so it is compiled here, with everything this machine has.
//
// Its set of visited rows is pooled and survives from one query to the next, so that one call a query costs it nothing extra.
#include "peer.h"

#include <cstdio>
#include <exception>
#include <memory>

#include <hnswlib/hnswlib.h>

namespace
{

struct Index {
    std::unique_ptr<hnswlib::SpaceInterface<float>> space;
    std::unique_ptr<hnswlib::HierarchicalNSW<float>> graph;
};

const char *describe(void)
{
#if defined(USE_AVX512)
    return "headers as installed, -O3 -march=native (AVX-512)";
#elif defined(USE_AVX)
    return "headers as installed, -O3 -march=native (AVX)";
#else
    return "headers as installed, -O3 -march=native";
#endif
}

void *build(const struct peer_build *b)
{
    try {
        auto x = std::make_unique<Index>();
        if (b->metric == PEER_L2)
            x->space = std::make_unique<hnswlib::L2Space>(b->dim);
        else
            x->space = std::make_unique<hnswlib::InnerProductSpace>(b->dim);
        x->graph = std::make_unique<hnswlib::HierarchicalNSW<float>>(x->space.get(), b->count, b->m, b->ef_construct);
        for (uint32_t row = 0; row < b->count; row++) {
            x->graph->addPoint(b->vectors + (size_t)row * b->dim, row);
            if (row % 256 == 255)
                b->progress(b->arg, row + 1);
        }
        return x.release();
    } catch (const std::exception &e) {
        std::fprintf(stderr, "hnswlib: %s\n", e.what());
        return nullptr;
    }
}

int search(void *index, const float *query, uint32_t k, uint32_t ef, uint32_t *ret_rows)
{
    auto *x = static_cast<Index *>(index);
    try {
        x->graph->setEf(ef);
        auto found = x->graph->searchKnn(query, k); // the farthest on top
        int count = (int)found.size();
        for (int i = count - 1; i >= 0; i--, found.pop())
            ret_rows[i] = (uint32_t)found.top().second;
        return count;
    } catch (const std::exception &e) {
        std::fprintf(stderr, "hnswlib: %s\n", e.what());
        return -1;
    }
}

uint64_t bytes(const void *index)
{
    const auto &g = *static_cast<const Index *>(index)->graph;
    uint64_t sum = g.max_elements_ * (g.size_data_per_element_ + sizeof(char *)); // rows, and the list of upper layers
    sum += g.max_elements_ * (sizeof(std::mutex) + sizeof(int));                  // a lock and a level for each row
    for (size_t i = 0; i < g.cur_element_count; i++)
        sum += (uint64_t)g.element_levels_[i] * g.size_links_per_element_;
    return sum;
}

void destroy(void *index)
{
    delete static_cast<Index *>(index);
}

} // namespace

extern "C" const struct peer peer_hnswlib = {"hnswlib", describe, build, search, bytes, destroy};
