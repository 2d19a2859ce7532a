// hnswlib, used as its examples use it. It has headers only, so this file compiles it, with all
// instructions of this machine.
//
// hnswlib keeps its visited sets in a pool. So one query a call costs no more than many.
#include "peer.h"

#include <atomic>
#include <cstdio>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

#include <hnswlib/hnswlib.h>

namespace
{

struct Index {
    std::unique_ptr<hnswlib::SpaceInterface<float>> space;
    std::unique_ptr<hnswlib::HierarchicalNSW<float>> graph;
};

const char *describe(const void *)
{
#if defined(USE_AVX512)
    return "headers as installed, -O3 -march=native (AVX-512)";
#elif defined(USE_AVX)
    return "headers as installed, -O3 -march=native (AVX)";
#else
    return "headers as installed, -O3 -march=native";
#endif
}

const char *refuse(const struct peer_variant *v)
{
    if (v->code != PEER_CODE_AUTO || v->refine != PEER_REFINE_AUTO || v->links != PEER_LINKS_AUTO || v->mapped)
        return "hnswlib holds f32 vectors and nothing else: only mN and efcN can be given";
    return nullptr;
}

unsigned refine_ks(const void *, double *)
{
    return 0;
}

// Adds rows from several threads, as the examples of hnswlib do: each thread takes the next row.
void add_rows(Index *x, const struct peer_build *b)
{
    std::atomic<uint32_t> next{1};
    x->graph->addPoint(b->vectors, 0); // alone, because it becomes the entry of the graph
    auto work = [&](bool tells) {
        for (uint32_t row; (row = next.fetch_add(1)) < b->count;) {
            x->graph->addPoint(b->vectors + (size_t)row * b->dim, row);
            if (tells && row % 64 == 0)
                b->progress(b->arg, row);
        }
    };
    std::vector<std::thread> others;
    for (uint32_t i = 1; i < b->threads; i++)
        others.emplace_back(work, false);
    work(true);
    for (auto &thread : others)
        thread.join();
}

std::unique_ptr<hnswlib::SpaceInterface<float>> space_of(const struct peer_build *b)
{
    if (b->metric == PEER_L2)
        return std::make_unique<hnswlib::L2Space>(b->dim);
    return std::make_unique<hnswlib::InnerProductSpace>(b->dim);
}

void *build(const struct peer_build *b)
{
    try {
        auto x = std::make_unique<Index>();
        x->space = space_of(b);
        x->graph = std::make_unique<hnswlib::HierarchicalNSW<float>>(x->space.get(), b->count, b->m, b->ef_construct);
        add_rows(x.get(), b);
        return x.release();
    } catch (const std::exception &e) {
        std::fprintf(stderr, "hnswlib: %s\n", e.what());
        return nullptr;
    }
}

int search(void *index, const float *query, const struct peer_search *s, uint32_t *ret_rows)
{
    auto *x = static_cast<Index *>(index);
    try {
        x->graph->setEf(s->ef);
        auto found = x->graph->searchKnn(query, s->k); // a heap with the farthest row on top
        int count = (int)found.size();
        for (int i = count - 1; i >= 0; i--, found.pop())
            ret_rows[i] = (uint32_t)found.top().second;
        return count;
    } catch (const std::exception &e) {
        std::fprintf(stderr, "hnswlib: %s\n", e.what());
        return -1;
    }
}

struct peer_memory memory(const void *index)
{
    const auto &g = *static_cast<const Index *>(index)->graph;
    // rows, and pointers to the links of their upper layers
    uint64_t sum = g.max_elements_ * (g.size_data_per_element_ + sizeof(char *));
    // a lock and a level for each row
    sum += g.max_elements_ * (sizeof(std::mutex) + sizeof(int));
    for (size_t i = 0; i < g.cur_element_count; i++)
        sum += (uint64_t)g.element_levels_[i] * g.size_links_per_element_;
    return {sum, 0};
}

void forget(void)
{
}

int save(const void *index, const char *path)
{
    try {
        static_cast<const Index *>(index)->graph->saveIndex(path);
        return 0;
    } catch (const std::exception &e) {
        std::fprintf(stderr, "hnswlib: %s: %s\n", path, e.what());
        return -1;
    }
}

void *load(const char *path, const struct peer_build *b)
{
    try {
        auto x = std::make_unique<Index>();
        x->space = space_of(b);
        x->graph = std::make_unique<hnswlib::HierarchicalNSW<float>>(x->space.get(), path);
        return x.release();
    } catch (const std::exception &) {
        return nullptr; // no file is there yet
    }
}

void destroy(void *index)
{
    delete static_cast<Index *>(index);
}

} // namespace

extern "C" const struct peer peer_hnswlib = {"hnswlib", false,   describe, refuse, refine_ks, build,  search,
                                             memory,    destroy, forget,   save,   load,      nullptr};
