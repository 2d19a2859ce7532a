// Faiss's IndexHNSWFlat, from the library of the distribution.
//
// IndexHNSW::search() clears a table of one byte a row at each call. With one query a call this
// would take longer than the walk. So this file keeps the table and the distance computer from
// query to query, as Faiss's own batch search does. The walk is Faiss's HNSW::search().
#include "peer.h"

#include <cstdio>
#include <exception>
#include <memory>
#include <string>

#include <faiss/IndexHNSW.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/DistanceComputer.h>
#include <faiss/index_io.h>
#include <faiss/utils/Heap.h>
#include <faiss/utils/utils.h>
#include <omp.h>

namespace
{

// The walk takes a smaller number for a nearer row. With inner products a larger one is nearer, so
// they are negated.
struct Negated : faiss::DistanceComputer {
    std::unique_ptr<faiss::DistanceComputer> inner;

    explicit Negated(faiss::DistanceComputer *computer) : inner(computer)
    {
    }
    void set_query(const float *x) override
    {
        inner->set_query(x);
    }
    float operator()(idx_t i) override
    {
        return -(*inner)(i);
    }
    float symmetric_dis(idx_t i, idx_t j) override
    {
        return -inner->symmetric_dis(i, j);
    }
};

struct Index {
    std::unique_ptr<faiss::IndexHNSWFlat> graph;
    std::unique_ptr<faiss::VisitedTable> visited;
    std::unique_ptr<faiss::DistanceComputer> distance;
    std::vector<float> distances;
    std::vector<faiss::Index::idx_t> labels;
};

const char *describe(const void *)
{
    static std::string text;
    if (text.empty())
        text = std::to_string(FAISS_VERSION_MAJOR) + "." + std::to_string(FAISS_VERSION_MINOR) + "." +
               std::to_string(FAISS_VERSION_PATCH) + " as packaged, compiled for: " + faiss::get_compile_options();
    return text.c_str();
}

const char *refuse(const struct peer_variant *v)
{
    if (v->refine != PEER_REFINE_AUTO || v->links != PEER_LINKS_AUTO || v->mapped ||
        (v->code != PEER_CODE_AUTO && v->code != PEER_CODE_F32))
        return "Faiss is measured with f32 vectors: only mN and efcN can be given";
    return nullptr;
}

unsigned refine_ks(const void *, double *)
{
    return 0;
}

// Makes the table and the distance computer that searches keep from query to query.
void prepare(Index *x, const struct peer_build *b)
{
    x->visited = std::make_unique<faiss::VisitedTable>((int)b->count);
    x->distance.reset(x->graph->storage->get_distance_computer());
    if (b->metric != PEER_L2)
        x->distance.reset(new Negated(x->distance.release()));
}

void *build(const struct peer_build *b)
{
    try {
        omp_set_num_threads((int)b->threads);
        auto x = std::make_unique<Index>();
        auto metric = b->metric == PEER_L2 ? faiss::METRIC_L2 : faiss::METRIC_INNER_PRODUCT;
        x->graph = std::make_unique<faiss::IndexHNSWFlat>((int)b->dim, (int)b->m, metric);
        x->graph->hnsw.efConstruction = (int)b->ef_construct;
        // in one call, because Faiss inserts the rows of a call layer by layer
        x->graph->add(b->count, b->vectors);
        prepare(x.get(), b);
        b->progress(b->arg, b->count);
        return x.release();
    } catch (const std::exception &e) {
        std::fprintf(stderr, "faiss: %s\n", e.what());
        return nullptr;
    }
}

int search(void *index, const float *query, const struct peer_search *s, uint32_t *ret_rows)
{
    int k = (int)s->k;
    auto *x = static_cast<Index *>(index);
    try {
        x->distances.resize(k);
        x->labels.resize(k);
        // Faiss 1.7.3 reads the beam from here and not from the search parameters
        x->graph->hnsw.efSearch = (int)s->ef;
        x->distance->set_query(query);
        faiss::maxheap_heapify(k, x->distances.data(), x->labels.data());
        x->graph->hnsw.search(*x->distance, k, x->labels.data(), x->distances.data(), *x->visited);
        faiss::maxheap_reorder(k, x->distances.data(), x->labels.data());
        int count = 0;
        while (count < k && x->labels[count] >= 0) {
            ret_rows[count] = (uint32_t)x->labels[count];
            count++;
        }
        return count;
    } catch (const std::exception &e) {
        std::fprintf(stderr, "faiss: %s\n", e.what());
        return -1;
    }
}

struct peer_memory memory(const void *index)
{
    const auto &g = *static_cast<const Index *>(index)->graph;
    const auto &h = g.hnsw;
    uint64_t held = (uint64_t)g.ntotal * g.d * sizeof(float) + h.neighbors.size() * sizeof(h.neighbors[0]) +
                    h.offsets.size() * sizeof(h.offsets[0]) + h.levels.size() * sizeof(h.levels[0]);
    return {held, 0};
}

void forget(void)
{
}

int save(const void *index, const char *path)
{
    try {
        faiss::write_index(static_cast<const Index *>(index)->graph.get(), path);
        return 0;
    } catch (const std::exception &e) {
        std::fprintf(stderr, "faiss: %s: %s\n", path, e.what());
        return -1;
    }
}

void *load(const char *path, const struct peer_build *b)
{
    try {
        omp_set_num_threads(1);
        auto x = std::make_unique<Index>();
        x->graph.reset(dynamic_cast<faiss::IndexHNSWFlat *>(faiss::read_index(path)));
        if (!x->graph)
            return nullptr;
        prepare(x.get(), b);
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

extern "C" const struct peer peer_faiss = {"faiss", false,   describe, refuse, refine_ks, build,  search,
                                           memory,  destroy, forget,   save,   load,      nullptr};
