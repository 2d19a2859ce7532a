"""One library of ann_peers.py in a process of its own: reads the data like ann, builds indexes, and
measures rounds."""
import argparse
import gzip
import json
import os
import pathlib
import re
import shutil
import statistics
import sys
import time
import zlib

import numpy

import ann_peers_ways
from ann_peers import MODULES, PACKAGES, RECALLS

# least queries in one call; fewer are repeated, so that the call itself costs little
QUERIES_MIN = 2000
CONTENDS = 0.8  # share of the best speed at some recall; slower ways are tried only once


def metric_of(readme):
    """The word behind "Metric:", read like ann does: l2, ip or cosine."""
    found = re.search(r"metric:[\s*]*(\w*)", readme, re.IGNORECASE)
    word = found.group(1).lower() if found else ""
    return "cosine" if word.startswith("cosine") else "ip" if word.startswith(("ip", "inner")) else "l2"


class Data:
    def __init__(self, folder, k, threads):
        self.k, self.threads, folder = k, threads, pathlib.Path(folder)
        readme = folder / "README.md"
        self.metric = metric_of(readme.read_text() if readme.exists() else "")
        self.ip = self.metric == "ip"
        base, queries = self.rows(folder, "base"), self.rows(folder, "queries")
        self.crc = zlib.crc32(base.tobytes())
        self.bytes = all(bool(((x >= 0) & (x <= 255) & (x == numpy.rint(x))).all()) for x in (base, queries))
        if self.metric == "cosine":  # for unit vectors L2 gives the same order
            self.bytes = False
            for x in (base, queries):
                x /= numpy.linalg.norm(x, axis=1, keepdims=True)
        self.base, self.alone = base, queries
        self.count, self.dim = base.shape
        self.queries = numpy.tile(queries, (-(-QUERIES_MIN // len(queries)), 1))
        self.bound = numpy.sort(self.distances(self.truth(folder)), axis=1)[:, k - 1]
        self.bound += 1e-6 * abs(self.bound)

    @staticmethod
    def rows(folder, stem):
        path = folder / (stem + ".npy")
        file = path.open("rb") if path.exists() else gzip.open(f"{path}.gz")
        with file:
            return numpy.ascontiguousarray(numpy.load(file), dtype="f4")

    def truth(self, folder):
        """Rows that include the k nearest of each query: from the folder, or computed."""
        for name in ({"l2": "gt_l2_ids", "ip": "gt_ip_ids", "cosine": "gt_cos_ids"}[self.metric], "gt_ids"):
            path = folder / (name + ".npy")
            ids = numpy.load(path) if path.exists() else numpy.empty((0, 0))
            if len(ids) >= len(self.alone) and ids.shape[1] >= self.k:
                return ids[:len(self.alone), :self.k]
        squares = 0 if self.ip else (self.base ** 2).sum(axis=1) / 2
        # spare rows, because f32 may order the last ones differently
        some = min(self.count, self.k + 20) - 1
        return numpy.stack([numpy.argpartition(squares - self.base @ q, some)[:some + 1] for q in self.alone])

    def distances(self, ids):
        result = numpy.empty(ids.shape)
        for i, (query, rows) in enumerate(zip(self.alone.astype("f8"), ids)):
            x = self.base[rows].astype("f8")
            result[i] = -(x @ query) if self.ip else ((x - query) ** 2).sum(axis=1)
        return result

    def recall(self, ids):
        """The recall by distance: any row as near as the k-th true one counts, once."""
        ids = numpy.sort(numpy.asarray(ids)[:len(self.alone)].astype("i8"), axis=1)
        valid = (ids >= 0) & (ids < self.count)
        valid[:, 1:] &= ids[:, 1:] != ids[:, :-1]
        near = self.distances(numpy.where(valid, ids, 0)) <= self.bound[:, None]
        return float((near & valid).sum()) / (len(self.alone) * self.k)


def contenders(points, share=CONTENDS):
    """Points near the fastest at one of the recalls."""
    kept = []
    for target in RECALLS:
        able = [p for p in points if p["recall"] >= target]
        fastest = max((p["qps"] for p in able), default=0)
        kept += [p for p in able if p["qps"] >= share * fastest and p not in kept]
    return kept


def measure(d, search, window):
    began = time.process_time()
    ids = search(window)
    return len(d.queries) / (time.process_time() - began), ids


def sweep(d, way, search, size):
    """Tries windows from small to large, until the recall is enough or does not rise any more."""
    points = []
    for window in ann_peers_ways.WINDOWS:
        rate, ids = measure(d, search, window)
        point = {"way": way.name, "ef": window, "bytes": size, "recall": d.recall(ids), "qps": rate}
        if point["recall"] >= 1 or (len(points) > 4 and point["recall"] < points[-4]["recall"] + 0.0002):
            return points + [point]
        points.append(point)
    return points


def path_size(path):
    return sum(x.stat().st_size for x in [path, *path.rglob("*")] if x.is_file())


def built(way, keep, say):
    path = keep / way.key
    if not path.exists():
        began, draft = time.monotonic(), keep / (way.key + ".new")
        say(f"building {way.key}")
        shutil.rmtree(draft, ignore_errors=True)
        way.make(draft)
        draft.rename(path)
        say(f"built {way.key} in {time.monotonic() - began:.0f} s")
    return path


def work(o):
    """Builds and tries all ways of one library, then measures the best ones, with a round for each
    line on standard input."""
    say = lambda text: print(f"{o.engine}: {text}", file=sys.stderr, flush=True)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # some libraries print to standard output
    d = Data(o.data, o.k, o.build_threads)
    keep = pathlib.Path(o.keep) / f"{pathlib.Path(o.data).resolve().name}-{d.crc:08x}"
    keep.mkdir(parents=True, exist_ok=True)
    cores, points, searches = os.sched_getaffinity(0), [], {}
    for way in getattr(ann_peers_ways, o.engine + "_ways")(d):
        if not re.search(o.ways, way.name):
            continue
        os.sched_setaffinity(0, cores)
        path = built(way, keep, say)
        os.sched_setaffinity(0, {o.core})
        say(f"trying {way.name}")
        searches[way.name] = way.open(path)
        points += sweep(d, way, searches[way.name], path_size(path) / d.count + way.code_bytes)
    points = contenders(points)
    rates = [[] for _ in points]
    for _ in range(o.rounds):
        print("ready", file=out, flush=True)
        if not sys.stdin.readline():
            sys.exit("nobody waits for the rounds any more")
        for p, of in zip(points, rates):
            of.append(measure(d, searches[p["way"]], p["ef"])[0])
    for p, of in zip(points, rates):
        low, p["qps"], high = statistics.quantiles(of, n=4) if len(of) > 1 else of * 3
        p.update(qps_low=low, qps_high=high, rounds=o.rounds)
    print(json.dumps({"engine": o.engine, "what": version(o.engine), "rounds": o.rounds, "points": points}), file=out)


def version(engine):
    from importlib import metadata
    names = metadata.packages_distributions().get(MODULES.get(engine, engine), [])
    return " ".join(f"{name} {metadata.version(name)}" for name in set(names))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--engine", required=True)
    p.add_argument("--data", required=True)
    p.add_argument("--keep", required=True)
    p.add_argument("--ways", default="")
    for name in ("k", "rounds", "core", "build-threads"):
        p.add_argument("--" + name, type=int, required=True)
    work(p.parse_args())


if __name__ == "__main__":
    main()
