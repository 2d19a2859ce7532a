"""Tests bench/ann/ann_peers.py without any library: an exact search stands for one. The libraries take
turns in rounds, recall is counted, and the table is printed."""
import pathlib
import sys
import tempfile
import unittest

try:
    import numpy
except ImportError:
    print("skipped: NumPy is missing (apt-get install python3-numpy)")
    sys.exit(77)

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench" / "ann"
sys.path.insert(0, str(BENCH))
import ann_peers
import ann_peers_work

# A library whose search is exact with a window of 12 and misses one neighbour of ten before; it also talks, as some do.
FAKE = f"""
import sys
sys.path.insert(0, {str(BENCH)!r})
import numpy, ann_peers_ways, ann_peers_work
def fake_ways(d):
    def search(window):
        print("talk")
        near = numpy.argsort(((d.queries[:, None] - d.base[None]) ** 2).sum(axis=2), axis=1)[:, :d.k]
        if window < 12:
            near[:, 0] = near[:, 1]
        return near
    yield ann_peers_ways.Way("plain", "graph", lambda path: path.write_bytes(bytes(4 * d.count)), lambda path: search, 8)
ann_peers_ways.fake_ways = fake_ways
ann_peers_work.main()
"""


def folder_make(folder, metric="L2", truth=None):
    random = numpy.random.default_rng(1)
    base, queries = random.standard_normal((60, 4)).astype("f4"), random.standard_normal((7, 4)).astype("f4")
    numpy.save(f"{folder}/base.npy", base)
    numpy.save(f"{folder}/queries.npy", queries)
    pathlib.Path(folder, "README.md").write_text(f"# a set\n- **Metric:** {metric}, exact\n")
    if truth is not None:
        numpy.save(f"{folder}/gt_ids.npy", truth(base, queries))
    return base, queries


def line(engine, *points, **more):
    return {"engine": engine, "what": "", "rounds": 3, "points": list(points), **more}


def point(recall, qps, **more):
    return {"recall": recall, "qps": qps, "rounds": 3, "ef": 16, "way": "w", "bytes": 100, **more}


class Data(unittest.TestCase):
    def test_the_metric_is_the_word_behind_the_first_colon(self):
        self.assertEqual(ann_peers_work.metric_of("- **Metric:** cosine distance"), "cosine")
        self.assertEqual(ann_peers_work.metric_of("metric: inner product"), "ip")
        self.assertEqual(ann_peers_work.metric_of("- Metric: L2; Metric: cosine"), "l2")
        self.assertEqual(ann_peers_work.metric_of("- Metrics: two, and cosine among them"), "l2")

    def test_recall_goes_by_distance_and_counts_a_row_once(self):
        for metric in ("L2", "cosine", "ip"):
            with tempfile.TemporaryDirectory() as folder:
                folder_make(folder, metric)
                d = ann_peers_work.Data(folder, 5, 1)
                near = numpy.argsort(d.distances(numpy.tile(numpy.arange(60), (7, 1))), axis=1)[:, :5]
                self.assertEqual(d.recall(near), 1)
                self.assertEqual(d.recall(numpy.repeat(near[:, :1], 5, axis=1)), 0.2)
                near[:, 4] = -1
                self.assertAlmostEqual(d.recall(near), 0.8)
                self.assertGreaterEqual(len(d.queries), ann_peers_work.QUERIES_MIN)

    def test_a_folder_is_believed_about_its_neighbours_when_they_are_enough(self):
        far = lambda base, queries: numpy.argsort(-((queries[:, None] - base[None]) ** 2).sum(axis=2), axis=1)[:, :10]
        with tempfile.TemporaryDirectory() as folder:
            folder_make(folder, truth=far)
            d = ann_peers_work.Data(folder, 5, 1)
            self.assertEqual(d.recall(far(d.base, d.alone)[:, :5]), 1)
            self.assertEqual(ann_peers_work.Data(folder, 12, 1).recall(far(d.base, d.alone)), 0)


class Rounds(unittest.TestCase):
    def test_a_library_is_swept_built_once_and_measured_when_told(self):
        with tempfile.TemporaryDirectory() as folder:
            folder_make(folder)
            command = [sys.executable, "-c", FAKE, "--engine", "fake", "--data", folder, "--keep", folder + "/keep", "--k", "10",
                       "--rounds", "2", "--core", str(min(ann_peers.os.sched_getaffinity(0))), "--build-threads", "1"]
            for _ in range(2):
                p = ann_peers.Process("fake", command)
                self.assertTrue(p.is_ready())
                self.assertEqual([p.round(), p.round()], [True, False])
                exact = p.lines[0]["points"][-1]  # whether the other one is fast enough to be measured is up to the machine
                self.assertEqual([exact[x] for x in ("way", "ef", "recall", "bytes", "rounds")], ["plain", 12, 1, 12, 2])
                kept = list(pathlib.Path(folder, "keep").glob("*/graph"))
                self.assertEqual(len(kept), 1)

    def test_a_library_that_ends_is_left_out(self):
        p = ann_peers.Process("gone", [sys.executable, "-c", "print('ready', flush=True)"])
        self.assertTrue(p.is_ready())
        p.child.wait()
        self.assertFalse(p.round())
        self.assertEqual(p.lines, [])


class Table(unittest.TestCase):
    KITH = line("kith", point(0.96, 3000, way="", refine_k=1.5), point(0.999, 1000, way=""), held_bytes=90, mapped_bytes=10)

    def test_the_fastest_that_was_measured_in_all_rounds_alone_counts(self):
        of = line("a", point(0.95, 10), point(0.97, 20), point(0.99, 30, rounds=1), point(0.99, 40, interleave=2))
        self.assertEqual(ann_peers.best(of, 0.9)["qps"], 20)
        self.assertIsNone(ann_peers.best(of, 0.99))

    def test_kith_is_compared_with_the_fastest_of_the_others_at_each_recall(self):
        text = ann_peers.table([self.KITH, line("slow", point(0.999, 500)), line("fast", point(0.92, 2000))])
        rows = {row.split("|")[1].strip(): [cell.strip() for cell in row.split("|")[2:-1]] for row in text.splitlines() if row}
        self.assertEqual(rows["**Kith beside the best of the others**"], ["1.50", "6.00", "2.00", "2.00", "2.00"])
        self.assertIn("| fast | 2 000 (1.50) | - | - | - | - |", text)
        self.assertIn("| kith | x1.5 16, 100 B, 0.9600 |", text)

    def test_what_is_near_the_best_at_a_recall_is_measured_again(self):
        points = [point(0.9, 100), point(0.9, 70), point(0.95, 85), point(0.999, 10), point(0.5, 999)]
        self.assertEqual([p["qps"] for p in ann_peers_work.contenders(points, 0.8)], [100, 85, 10])


if __name__ == "__main__":
    unittest.main()
