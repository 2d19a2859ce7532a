#!/usr/bin/env python3
"""ann_peers.py: compares Kith's index with the libraries of PyPI, on one core, in turns.

  bench/ann/ann_peers.py --data DIR                        # a folder for `ann --data`, with .npy files
  bench/ann/ann_peers.py --data DIR --engines svs,glass --rounds 7 --json

Each library is a process of its own (ann_peers_work.py), and so is `ann --paced`. All build first.
Then, in each round, one process after the other searches with all queries; another one is first
each time. See bench/ann/README.md.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent
BUILD = BENCH.parents[1] / "build"
PACKAGES = {"svs": "scalable-vs", "symphonyqg": "rabitqlib", "glass": "pyglass-portable", "usearch": "usearch",
            "hnswlib": "hnswlib", "faiss": "faiss-cpu"}
MODULES = {"symphonyqg": "rabitqlib"}  # modules with another name than the engine
RECALLS = (0.9, 0.95, 0.99, 0.995, 0.999)


class Process:
    """A library, or ann. It prints "ready" before each round and waits for a line; at the end it
    prints lines of JSON."""

    def __init__(self, name, command):
        self.name, self.lines = name, []
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      env=dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"))

    def is_ready(self):
        for line in self.child.stdout:
            if line == "ready\n":
                return True
            self.lines.append(json.loads(line))
        if self.child.wait() != 0:
            print(f"ann_peers: {self.name} is left out: it ended with status {self.child.returncode}", file=sys.stderr)
        return False

    def round(self):
        """Runs a round; returns whether another one can follow."""
        try:
            self.child.stdin.write("\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            pass  # the process has ended, and is_ready() reports it
        return self.is_ready()


def installed(engine, package, python, given):
    """Whether the library is installed, after trying to install it."""
    there = lambda: subprocess.run([python, "-c", f"import {MODULES.get(engine, engine)}"], capture_output=True).returncode == 0
    if not given and there():
        return True
    print(f"ann_peers: installing {package}", file=sys.stderr)
    if given:  # both packages would have the same module
        subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", PACKAGES[engine]], capture_output=True)
    pip = subprocess.run([python, "-m", "pip", "install", "--quiet", package], capture_output=True, text=True)
    if pip.returncode == 0 and there():
        return True
    why = (pip.stderr.strip().splitlines() or ["it cannot be imported"])[-1]
    print(f"ann_peers: {engine} is left out: {package}: {why}", file=sys.stderr)
    return False


def processes_start(o):
    if not (o.venv / "bin/python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(o.venv)], check=True)
    python = str(o.venv / "bin/python")
    packages = dict(PACKAGES, **dict(x.split("=", 1) for x in o.package))
    wanted = [e for e in o.engines.split(",") if installed(e, packages[e], python, packages[e] != PACKAGES[e])]
    shared = ["--data", o.data, "--k", str(o.k), "--rounds", str(o.rounds), "--core", str(o.core)]
    only = ["--ways", o.ways, "--keep", str(o.keep), "--build-threads", str(o.build_threads)]
    ann = [o.ann, *shared, "--engines", o.kith, "--json", "--paced", "--interleave", "2"]
    yield Process("kith", ann)
    for engine in wanted:
        yield Process(engine, [python, str(BENCH / "ann_peers_work.py"), "--engine", engine, *shared, *only])


def measure_all(o):
    """Runs all processes, which build one after the other, and returns their lines."""
    every, ready = [], []
    for p in processes_start(o):
        every.append(p)
        ready += [p] if p.is_ready() else []
    for number in range(o.rounds):
        print(f"ann_peers: round {number + 1} of {o.rounds}", file=sys.stderr, flush=True)
        ready = [p for p in ready if p.round()]
        ready = ready[1:] + ready[:1]
    return [line for p in every for line in p.lines]


def best(line, target):
    """The fastest point with this recall, of those measured in all rounds with one query at a time."""
    able = [p for p in line["points"] if p["recall"] >= target and p["rounds"] == line["rounds"]
            and p.get("interleave", 1) == 1]
    return max(able, key=lambda p: p["qps"], default=None)


def way_text(line, p):
    size = p.get("bytes") or line["held_bytes"] + line["mapped_bytes"]
    way = p.get("way", "") + (f" x{p['refine_k']:g}" if p.get("refine_k") else "")
    return f"{way} {p['ef']}, {size:.0f} B, {p['recall']:.4f}".strip()


def row_text(cells):
    return "| " + " | ".join(cells) + " |"


def rate_text(p, ours):
    if not p:
        return "-"
    return f"{p['qps']:,.0f}".replace(",", " ") + (f" ({ours['qps'] / p['qps']:.2f})" if ours else "")


def table(lines):
    """Queries per second with the ratio of Kith's; then the way, search window, bytes a vector, and
    recall of each."""
    found = [(line, [best(line, target) for target in RECALLS]) for line in lines]
    ours = found[0][1]
    rivals = [points for line, points in found if not line["engine"].startswith("kith")]
    fastest = [max((points[i]["qps"] for points in rivals if points[i]), default=0) for i in range(len(RECALLS))]
    least = [f"{k['qps'] / rate:.2f}" if k and rate else "-" for k, rate in zip(ours, fastest)]
    rates = [row_text([line["engine"], *map(rate_text, points, ours)]) for line, points in found]
    ways = [row_text([line["engine"], *(way_text(line, p) if p else "-" for p in points)]) for line, points in found]
    header, rule = [f">= {target}" for target in RECALLS], row_text(["---"] * (1 + len(RECALLS)))
    return "\n".join([row_text(["queries a second (times for Kith)", *header]), rule, *rates,
                      row_text(["**Kith beside the best of the others**", *least]), "",
                      row_text(["way, search window, bytes a vector, recall", *header]), rule, *ways])


def options_read():
    cores = sorted(os.sched_getaffinity(0))
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    what = p.add_mutually_exclusive_group(required=True)
    what.add_argument("--data", help="a folder with base.npy (or .npy.gz) and queries.npy")
    what.add_argument("--show", metavar="FILE", help="measures nothing: the table of what --json printed")
    p.add_argument("--engines", default=",".join(PACKAGES), help="with commas between (%(default)s)")
    p.add_argument("--ways", default="", metavar="PATTERN", help="only those ways of the engines whose names have it")
    p.add_argument("--kith", default="kith", help="engines of ann; the first is compared (%(default)s)")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--k", type=int, default=10)
    p.add_argument("--core", type=int, default=cores[-1])
    p.add_argument("--build-threads", type=int, default=len(cores))
    p.add_argument("--ann", default=str(BUILD / "bin/ann"))
    p.add_argument("--venv", type=pathlib.Path, default=BUILD / "peers/venv", help="where the libraries are put")
    p.add_argument("--keep", type=pathlib.Path, default=BUILD / "peers", help="where their indexes are kept")
    p.add_argument("--package", action="append", default=[], metavar="ENGINE=WHAT", help="what pip installs for an engine")
    p.add_argument("--json", action="store_true", help="a line an engine, as ann prints them, instead of the table")
    o = p.parse_args()
    unknown = set(o.engines.split(",")) - set(PACKAGES)
    if unknown:
        p.error(f"no engine {', '.join(sorted(unknown))}: there are {', '.join(PACKAGES)}")
    if not o.show and not os.access(o.ann, os.X_OK):
        p.error(f"{o.ann} is not there: tools/build makes it")
    return o


def main():
    o = options_read()
    lines = [json.loads(line) for line in open(o.show)] if o.show else measure_all(o)
    if not lines or not lines[0]["engine"].startswith("kith"):
        sys.exit("ann_peers: ann measured nothing")
    if o.json:
        print("\n".join(json.dumps(line) for line in lines))
        return
    print("{data}: {rows} x {dim}, {metric}; {queries} queries, k {k}; one core, one thread, medians of {rounds} rounds;"
          " {machine}; commit {commit}".format(**lines[0]))
    print("; ".join(f"{line['engine']}: {line['what']}" for line in lines) + "\n\n" + table(lines))


if __name__ == "__main__":
    main()
