"""The libraries that ann_peers.py compares, each with the degrees, codes and options of its
documentation.

A function NAME_ways(data) yields the ways of a library. It runs in that library's own process,
which has only its own modules. Graphs are built with data.threads threads and searched with one.
"""
import collections
import os
import pathlib
import shutil

WINDOWS = (10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 256, 320, 384, 512, 768, 1024)
BUILD_WINDOW = 200  # candidates kept while building, for all libraries

# make(path) builds once for all ways with the same key. open(path) returns search(window), which
# returns row numbers for data.queries. code_bytes: memory a vector of the search besides the files
# at path.
Way = collections.namedtuple("Way", "name key make open code_bytes", defaults=(0,))


def processor_is(text):
    return text in pathlib.Path("/proc/cpuinfo").read_text()


def svs_ways(d):
    """Vamana of Intel SVS. On other processors LVQ ends the process, so it is tried only on Intel's."""
    import svs
    distance = svs.DistanceType.MIP if d.ip else svs.DistanceType.L2
    codes = {"f32": 4 * d.dim, "f16": 2 * d.dim}
    if d.bytes:
        codes["u8"] = d.dim
    if processor_is("GenuineIntel"):
        codes |= {f"LVQ{a}x{b}": d.dim * (a + b) / 8 for a, b in ((4, 4), (4, 8), (8, 0))}
    types = {"f32": ("f4", svs.DataType.float32), "f16": ("f2", svs.DataType.float16), "u8": ("u1", svs.DataType.uint8)}

    def make(path, degree):
        path.mkdir()
        p = svs.VamanaBuildParameters(graph_max_degree=degree, window_size=BUILD_WINDOW)
        rows = d.base.astype("u1") if d.bytes else d.base
        index = svs.Vamana.build(p, rows, distance, num_threads=d.threads)
        index.save(*(str(path / part) for part in ("config", "graph", "rows")))
        shutil.rmtree(path / "rows")

    def start(path, code, visited):
        element, kind = types.get(code, types["f32"])
        vectors = path.parent / f"svs-{element}.svs"
        if not vectors.exists():
            raw = str(vectors) + ".vecs"
            svs.write_vecs(d.base.astype(element), raw, skip_check=True)
            svs.convert_vecs_to_svs(raw, str(vectors), kind)
            os.unlink(raw)
        data = svs.VectorDataLoader(str(vectors), kind, d.dim)
        if code.startswith("LVQ"):
            data = svs.LVQLoader(data, primary=int(code[3]), residual=int(code[5]))
        of = types["u8" if code == "u8" else "f32"]
        index = svs.Vamana(str(path / "config"), svs.GraphLoader(str(path / "graph")), data, distance, of[1], num_threads=1)
        queries = d.queries.astype(of[0])

        def search(window):
            p = index.search_parameters
            p.buffer_config = svs.SearchBufferConfig(window)
            p.search_buffer_visited_set = visited
            index.search_parameters = p
            return index.search(queries, d.k)[0]
        return search

    for degree in (32, 64):
        for code, size in codes.items():
            for visited in (False, True):
                name = f"{code} {degree} links{' visited set' if visited else ''}"
                yield Way(name, f"svs-{degree}", lambda path, n=degree: make(path, n),
                          lambda path, c=code, v=visited: start(path, c, v), size)


def symphonyqg_ways(d):
    """SymphonyQG as its authors maintain it, in the RaBitQ library."""
    import rabitqlib

    def make(path, degree, bits):
        index = rabitqlib.SymqgIndex(d.dim, degree, "ip" if d.ip else "l2", bits)
        index.build(d.base, BUILD_WINDOW, num_threads=d.threads)
        index.save(str(path))

    def start(path):
        index = rabitqlib.SymqgIndex.load(str(path))
        return lambda window: index.search_batch(d.queries, d.k, window, num_threads=1)[0]

    for degree in (32, 64):
        for bits in (0, 4, 8):
            name = f"{f'{bits} bits' if bits else 'f32'} {degree} links"
            yield Way(name, f"symphonyqg-{degree}-{bits}", lambda path, n=degree, b=bits: make(path, n, b), start)


def glass_ways(d):
    """glass: a graph built with SQ8U codes, searched with these and others, and refined."""
    import glass

    def make(path, degree):
        glass.set_num_threads(d.threads)
        glass.Index("HNSW", "IP" if d.ip else "L2", "SQ8U", R=degree, L=BUILD_WINDOW).build(d.base).save(str(path))

    def start(path, code, refine):
        index = glass.Searcher(glass.Graph(str(path)), d.base, "IP" if d.ip else "L2", code, refine)
        index.set_ef(32)
        index.optimize(1)

        def search(window):
            index.set_ef(window)
            return index.batch_search(d.queries, d.k, 1)[0]
        return search

    size = {"SQ4U": 0.5, "SQ8U": 1, "FP16": 2, "FP32": 4, "": 0}
    for degree in (32, 64):
        for code, refine in (("SQ8U", ""), ("SQ8U", "FP32"), ("SQ4U", "SQ8U"), ("SQ4U", "FP16")):
            name = f"{code}{'+' + refine if refine else ''} {degree} links"
            yield Way(name, f"glass-{degree}", lambda path, n=degree: make(path, n),
                      lambda path, c=code, r=refine: start(path, c, r), d.dim * (size[code] + size[refine]))


def usearch_ways(d):
    from usearch.index import Index

    def make(path, code):
        index = Index(ndim=d.dim, metric="ip" if d.ip else "l2sq", dtype=code, connectivity=16, expansion_add=BUILD_WINDOW)
        index.add(range(d.count), d.base, threads=d.threads)
        index.save(str(path))

    def start(path):
        index = Index.restore(str(path))

        def search(window):
            index.expansion_search = window
            return index.search(d.queries, d.k, threads=1).keys
        return search

    for code in ("bf16", "i8"):
        yield Way(f"{code} M 16", f"usearch-{code}", lambda path, c=code: make(path, c), start)


def hnswlib_ways(d):
    import hnswlib
    space = "ip" if d.ip else "l2"

    def make(path, m):
        index = hnswlib.Index(space, d.dim)
        index.init_index(d.count, ef_construction=BUILD_WINDOW, M=m)
        index.add_items(d.base, num_threads=d.threads)
        index.save_index(str(path))

    def start(path):
        index = hnswlib.Index(space, d.dim)
        index.load_index(str(path))

        def search(window):
            index.set_ef(window)
            return index.knn_query(d.queries, d.k, num_threads=1)[0]
        return search

    for m in (16, 32):
        yield Way(f"M {m}", f"hnswlib-{m}", lambda path, m=m: make(path, m), start)


def faiss_ways(d):
    import faiss

    def make(path, kind):
        faiss.omp_set_num_threads(d.threads)
        index = faiss.index_factory(d.dim, kind, faiss.METRIC_INNER_PRODUCT if d.ip else faiss.METRIC_L2)
        index.hnsw.efConstruction = BUILD_WINDOW
        index.train(d.base)
        index.add(d.base)
        faiss.write_index(index, str(path))

    def start(path):
        index = faiss.read_index(str(path))

        def search(window):
            faiss.omp_set_num_threads(1)
            index.hnsw.efSearch = window
            return index.search(d.queries, d.k)[1]
        return search

    for kind in ("HNSW16", "HNSW32_SQ8"):
        yield Way(kind, f"faiss-{kind}", lambda path, kind=kind: make(path, kind), start)
