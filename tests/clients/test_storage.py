"""Tests what an operator does with stored data: listing, sealing and compacting segments, and finding
damage. A server goes on serving what is not damaged. The tests use the Python client, the command
line and kithd with real files."""

import json
import os
import subprocess
import sys
import time
import unittest

try:
    import numpy
except ImportError:
    print("skipped: NumPy is missing (apt-get install python3-numpy)")
    sys.exit(77)

import kith
from kithd import Server

DIM = 64
ROWS = 12000  # 3 MiB of vectors: with segments of 1 MiB some are sealed at once


def kith_command(server: Server, *arguments: str):
    environment = dict(os.environ, KITH_SERVER=server.address)
    return subprocess.run([os.environ["KITH"], *arguments], capture_output=True, text=True, env=environment, timeout=120)


class StorageTest(unittest.TestCase):
    def setUp(self) -> None:
        self.server = Server("--growing-mib", "1", "--reactors", "2", "--no-pin")
        self.addCleanup(self.server.stop)
        self.rows = numpy.random.default_rng(5).standard_normal((ROWS, DIM)).astype(numpy.float32)

    def client(self) -> kith.Client:
        client = kith.Client("127.0.0.1", self.server.port)
        self.addCleanup(client.close)
        return client

    def command(self, *arguments: str, status: int = 0):
        done = kith_command(self.server, *arguments)
        self.assertEqual(done.returncode, status, f"{arguments}: {done.stdout}{done.stderr}")
        return done

    def fill(self, client: kith.Client, name: str, rows: int = ROWS) -> None:
        client.create(name, dim=DIM, metric="l2")
        client.upsert(name, range(rows), self.rows[:rows], [{"n": i} for i in range(rows)])

    def fails(self, code, call, *arguments, **options) -> str:
        with self.assertRaises(kith.KithError) as caught:
            call(*arguments, **options)
        self.assertEqual(caught.exception.code, code, str(caught.exception))
        return str(caught.exception)

    def sealed(self, client: kith.Client, name: str):
        """Waits until there are sealed segments and none waits to be sealed. Returns the sealed ones."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            states = client.info(name, with_segments=True).segments
            if any(s.state == "sealed" for s in states) and not any(s.state == "frozen" for s in states):
                return [s for s in states if s.state == "sealed"]
            time.sleep(0.05)
        self.fail("nothing was sealed")

    def segment_file(self, segment: kith.Segment) -> str:
        return os.path.join(self.server.data, "segments", f"{segment.id:016x}.seg")

    def flip(self, path: str, offset: int) -> None:
        with open(path, "r+b") as f:
            f.seek(offset)
            byte = f.read(1)[0]
            f.seek(offset)
            f.write(bytes([byte ^ 1]))


class Segments(StorageTest):
    def test_segments_are_listed_and_add_up(self) -> None:
        client = self.client()
        self.fill(client, "list")
        client.delete("list", range(100))
        self.sealed(client, "list")
        info = client.info("list", with_segments=True)
        self.assertEqual(client.info("list").segments, [])
        self.assertEqual(sum(s.rows - s.deleted_rows for s in info.segments), ROWS - 100)
        self.assertEqual({s.reactor for s in info.segments}, {0, 1})
        for s in info.segments:
            self.assertEqual(s.vector_bytes, s.rows * DIM * 4)
            if s.rows:
                self.assertTrue(5 <= s.payload_bytes / s.rows <= 12, s)
            self.assertEqual(s.disk_bytes > 0, s.state == "sealed")
            if s.state == "sealed":
                self.assertEqual(s.disk_bytes, os.path.getsize(self.segment_file(s)))
        text = self.command("info", "list", "--segments").stdout.splitlines()
        last = next(i for i, line in enumerate(text) if line.split()[0] == "all")
        column = text[0].index("links")
        self.assertTrue(all(line[column - 1:column] in ("", " ") for line in text[:last + 1]), "the columns line up")
        self.assertTrue(text[0].split()[:4] == ["id", "core", "state", "rows"], text[0])
        self.assertTrue(text[last + 1:], "behind the table: why each segment is indexed as it is")
        self.assertTrue(any("recall@10 is" in line for line in text[last + 1:]), text[last + 1:])
        for s in info.segments:
            if s.state == "sealed" and s.rows >= 256:
                efs = [rung.ef for rung in s.recall_10]
                self.assertEqual(efs, sorted(set(efs)))
                self.assertTrue(all(0 <= rung.floor <= rung.recall <= 1 and rung.distances > 0 for rung in s.recall_10), s)
                self.assertTrue(s.recall_100)
                self.assertEqual(s.recall_scan.ef, s.rows)
        listed = json.loads(self.command("info", "list", "--segments", "--json").stdout)
        self.assertEqual(sum(s["rows"] - s["deleted_rows"] for s in listed["segments"]), ROWS - 100)
        measured = [s for s in listed["segments"] if s.get("recall_10")]
        self.assertTrue(measured and all(s["recall_10"][-1]["recall"] > 0.9 for s in measured), measured)
        self.assertIn("%", self.command("info", "list").stdout)
        self.command("info", "--segments", status=2)


    def test_sealing_and_compacting_by_request(self) -> None:
        client = self.client()
        self.fill(client, "work")
        client.seal("work")
        self.assertEqual({s.state for s in client.info("work", with_segments=True).segments}, {"sealed"})
        client.seal("work")  # nothing to do is fine
        client.delete("work", range(0, ROWS, 3))
        before = client.info("work")
        self.assertEqual(before.sealed_dead_rows, ROWS // 3)
        done = self.command("compact", "work", "--json")
        after = client.info("work", with_segments=True)
        self.assertEqual(sum(s.deleted_rows for s in after.segments), 0)
        self.assertEqual(after.points, ROWS - ROWS // 3)
        self.assertLess(after.disk_bytes, before.disk_bytes)
        answer = json.loads(done.stdout)
        self.assertEqual((answer["compacted"], answer["deleted_rows_before"], answer["deleted_rows"]), ("work", ROWS // 3, 0))
        self.assertEqual(client.search("work", self.rows[1], k=1, exact=True).ids, [1])
        self.assertNotIn(0, client.search("work", self.rows[0], k=10, exact=True).ids)
        self.assertRegex(self.command("seal", "work").stdout, r"^sealed work in [0-9.]+ s: ")
        self.assertEqual(client.verify("work").damages, [])
        metrics = dict(line.rsplit(" ", 1) for line in self.server.http("/metrics")[1].splitlines() if line[0] != "#")
        self.assertGreater(float(metrics["kith_merges_total"]) + float(metrics["kith_compactions_total"]), 0)
        for name in ("seals_total", "seal_seconds_total", "sealed_bytes_total", "merge_seconds_total", "merged_segments_total",
                     "merged_rows_total", "merged_bytes_total"):
            self.assertGreater(float(metrics["kith_" + name]), 0, name)
        self.assertEqual(int(metrics["kith_log_needed_bytes"]), 0)
        self.assertEqual(int(metrics['kith_segment_disk_bytes{collection="work",state="sealed"}']), after.disk_bytes)
        self.assertEqual(int(metrics['kith_segment_rows{collection="work",state="sealed"}']), after.points)
        for call, name in ((client.seal, "seal"), (client.compact, "compact")):
            self.assertIn("nowhere", self.fails(kith.Code.NOT_FOUND, call, "nowhere"))
            self.assertIn("nowhere", self.command(name, "nowhere", status=1).stderr)
        files = os.listdir(os.path.join(self.server.data, "segments"))
        self.assertEqual(sorted(files), sorted(os.path.basename(self.segment_file(s)) for s in after.segments if s.id))

    def test_neither_a_drop_nor_a_stop_waits_for_work_by_request(self) -> None:
        client = self.client()
        for name in ("dropped", "stopped"):
            self.fill(client, name)
        environment = dict(os.environ, KITH_SERVER=self.server.address)

        def begin(name: str) -> subprocess.Popen:
            child = subprocess.Popen([os.environ["KITH"], "compact", name], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     text=True, env=environment)
            self.addCleanup(child.stdout.close)
            self.addCleanup(child.stderr.close)
            self.addCleanup(child.wait)
            return child

        child = begin("dropped")
        client.drop("dropped")
        self.assertIn(child.wait(60), (0, 1))
        child = begin("stopped")
        client.close()
        self.server.end()
        self.assertIn(child.wait(60), (0, 1))
        self.server.start()
        self.assertEqual(self.client().count("stopped"), ROWS)


class Damage(StorageTest):
    def test_one_damaged_segment_does_not_stop_the_other_collections(self) -> None:
        client = self.client()
        self.fill(client, "bad")
        self.fill(client, "good", 1000)
        path = self.segment_file(self.sealed(client, "bad")[0])
        client.close()
        self.server.end()
        self.flip(path, 70 + os.path.getsize(path) // 2)
        self.server.start()
        client = self.client()
        corrupt = kith.Code.CORRUPT
        name = os.path.basename(path)
        for call, *rest in (
            (client.search, self.rows[0]),
            (client.get, [5]),
            (client.count,),
            (client.info,),
            (client.upsert, range(8), self.rows[:8]),
            (client.delete, range(8)),
        ):
            text = self.fails(corrupt, call, "bad", *rest)
            self.assertIn(name, text)
            self.assertIn("offset", text)
        self.assertEqual(client.count("good"), 1000)
        self.assertEqual(client.search("good", self.rows[7], k=1).ids, [7])
        client.upsert("good", [2000], self.rows[:1])
        damages = {c.name: c.damage for c in client.list()}
        self.assertIn(name, damages["bad"])
        self.assertEqual(damages["good"], "")
        status, text = self.server.http("/readyz")
        self.assertEqual(status, 200)
        self.assertRegex(text, "^collection 'bad' is not served: .*" + name)
        status, text = self.server.http("/metrics")
        self.assertEqual(status, 200)
        self.assertIn('kith_collection_damaged{collection="bad"} 1', text)
        self.assertIn('kith_collection_damaged{collection="good"} 0', text)
        self.assertIn('kith_points{collection="good"} 1001', text)
        self.assertNotIn('kith_points{collection="bad"}', text)
        self.assertIn(name, self.command("ls").stdout)
        self.assertIn(name, self.command("info", "bad", status=1).stderr)
        client.drop("bad")
        self.assertEqual(self.server.http("/readyz"), (200, "ok\n"))
        self.assertEqual([c.name for c in client.list()], ["good"])
        self.assertFalse(os.path.exists(path))
        self.fill(client, "bad", 10)
        self.assertEqual(client.count("bad"), 10)

    def test_a_segment_that_is_cut_while_it_is_mapped_stops_only_its_collection(self) -> None:
        client = self.client()
        self.fill(client, "good", 1000)
        for name, call in (
            ("searched", lambda: client.search("searched", self.rows[0], k=10000, exact=True)),
            ("read", lambda: client.get("read", range(ROWS), with_vectors=True)),
            ("compacted", lambda: client.compact("compacted")),
        ):
            self.fill(client, name)
            client.seal(name)
            client.delete(name, range(0, ROWS, 100))
            path = self.segment_file(self.sealed(client, name)[0])
            os.truncate(path, 65536)
            text = self.fails(kith.Code.CORRUPT, call)
            self.assertIn(os.path.basename(path), text)
            self.assertIn("offset", text)
            self.assertIn(os.path.basename(path), self.fails(kith.Code.CORRUPT, client.upsert, name, [1], self.rows[:1]))
            self.assertEqual(client.search("good", self.rows[7], k=1).ids, [7])
        self.server.end()
        self.server.start()
        client = self.client()
        self.assertEqual(client.count("good"), 1000)
        self.fails(kith.Code.CORRUPT, client.count, "read")

    def test_damage_that_a_merge_finds_is_known_to_all_cores_at_once(self) -> None:
        client = self.client()
        self.fill(client, "late")
        client.seal("late")
        path = self.segment_file(self.sealed(client, "late")[0])
        self.flip(path, os.path.getsize(path) * 3 // 4)
        client.delete("late", range(100))  # too few for the server to begin by itself
        self.fails(kith.Code.CORRUPT, client.compact, "late")
        for call, *rest in ((client.search, self.rows[0]), (client.upsert, range(8), self.rows[:8]), (client.count,)):
            self.assertIn(os.path.basename(path), self.fails(kith.Code.CORRUPT, call, "late", *rest))
        self.assertIn(os.path.basename(path), client.list()[0].damage)
        client.drop("late")
        self.assertEqual(client.list(), [])

    def test_verify_names_every_damaged_place_while_the_server_runs(self) -> None:
        client = self.client()
        self.fill(client, "a")
        self.fill(client, "b", 1000)
        path = self.segment_file(self.sealed(client, "a")[0])
        seen = []
        whole = client.verify(on_progress=seen.append)
        self.assertEqual((whole.damages, whole.bytes), ([], seen[-1].bytes))
        self.assertGreater(whole.bytes_total, os.path.getsize(path))
        answer = json.loads(self.command("verify", "--json").stdout)
        self.assertEqual((answer["damages"], answer["files"]), ([], whole.files))
        self.assertRegex(self.command("verify").stdout, r"damages +0\n")
        self.flip(path, 100)  # of a small region near the beginning
        self.flip(path, os.path.getsize(path) - 10)
        self.flip(path, os.path.getsize(path) - 10)
        found = client.verify().damages
        self.assertEqual([(d.file, d.region) for d in found], [("segments/" + os.path.basename(path), "seg.meta")])
        self.assertTrue(64 <= found[0].offset <= 100 and "checksum" in found[0].what, found)
        self.assertEqual(client.verify("a").damages, found)
        self.assertEqual(client.verify("b").damages, [])
        done = self.command("verify", "a", status=1)
        self.assertRegex(done.stdout, r"damaged file +offset +region")
        self.assertRegex(done.stdout, os.path.basename(path) + r" +\d+ +seg\.meta +the checksum")
        self.assertRegex(done.stdout, r"damages +1\n")
        self.fails(kith.Code.NOT_FOUND, client.verify, "nothing")
        self.assertEqual(client.count("a"), ROWS)  # what is in memory is as it was

    def offline(self, folder: str):
        return subprocess.run([os.environ["KITHD"], "--data", folder, "--verify"], capture_output=True, text=True, timeout=120)

    def test_a_folder_at_rest_is_checked_without_serving_it(self) -> None:
        client = self.client()
        self.fill(client, "a")
        path = self.segment_file(self.sealed(client, "a")[0])
        client.close()
        busy = self.offline(self.server.data)
        self.assertEqual((busy.returncode, busy.stdout), (1, ""))
        self.assertIn("in use by another kithd", busy.stderr)
        self.server.end()
        good = self.offline(self.server.data)
        self.assertEqual((good.returncode, good.stderr), (0, ""))
        self.assertRegex(good.stdout, r"(?m)^damages +0$")
        self.flip(path, os.path.getsize(path) // 2)
        bad = self.offline(self.server.data)
        self.assertEqual(bad.returncode, 1, bad.stdout)
        self.assertRegex(bad.stdout, r"(?m)^segments/" + os.path.basename(path) + r" +\d+ +\S+ +the checksum")
        self.assertRegex(bad.stdout, r"(?m)^damages +1$")
        self.assertIn("no data of Kith", self.offline("/nonexistent/folder").stderr)


if __name__ == "__main__":
    unittest.main()
