"""Tests snapshots of a real server on real files. They need no space, can be restored on any number of
reactors, and a kill during a restore leaves the state before it or that of the snapshot."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

try:
    import numpy
except ImportError:
    print("skipped: NumPy is missing (apt-get install python3-numpy)")
    sys.exit(77)

import kith
from kithd import Server

DIM = 32
ROWS = 20000  # 2.4 MiB of vectors: with segments of 1 MiB part of them is sealed


def rows(seed: int, count: int = ROWS) -> numpy.ndarray:
    return numpy.random.default_rng(seed).standard_normal((count, DIM)).astype(numpy.float32)


def space(folder: str) -> int:
    """The bytes of the files. A file with several names counts once."""
    seen = {}
    for directory, _, names in os.walk(folder):
        for name in names:
            status = os.stat(os.path.join(directory, name))
            seen[status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


def resident(pid: int) -> int:
    """The memory of the process in bytes, without mapped files."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("RssAnon"))


class SnapshotTest(unittest.TestCase):
    def setUp(self) -> None:
        self.server = Server("--growing-mib", "1", "--reactors", "2", "--no-pin")
        self.addCleanup(self.server.stop)

    def client(self) -> kith.Client:
        client = kith.Client("127.0.0.1", self.server.port)
        self.addCleanup(client.close)
        return client

    def start_with(self, *options: str) -> None:
        self.server.options = ("--growing-mib", "1", "--no-pin") + options
        self.server.start()

    def command(self, *arguments: str, status: int = 0):
        environment = dict(os.environ, KITH_SERVER=self.server.address)
        done = subprocess.run([os.environ["KITH"], *arguments], capture_output=True, text=True, env=environment, timeout=120)
        self.assertEqual(done.returncode, status, f"{arguments}: {done.stdout}{done.stderr}")
        return done

    def fails(self, code, call, *arguments) -> str:
        with self.assertRaises(kith.KithError) as caught:
            call(*arguments)
        self.assertEqual(caught.exception.code, code, str(caught.exception))
        return str(caught.exception)

    def want(self, client: kith.Client, vectors: numpy.ndarray, deleted=()) -> None:
        """Asserts that exactly these points are there."""
        self.assertEqual(client.count("a"), len(vectors) - len(deleted))
        for first in range(0, len(vectors), 5000):
            found = client.get("a", range(first, min(first + 5000, len(vectors))), with_payloads=False)
            expected = [i for i in range(first, min(first + 5000, len(vectors))) if i not in deleted]
            self.assertEqual([p.id for p in found], expected)
            numpy.testing.assert_array_equal(numpy.array([p.vector for p in found]), vectors[expected])


class Whole(SnapshotTest):
    def test_verifying_takes_no_memory_for_indexes(self) -> None:
        client = self.client()
        client.create("a", dim=DIM, metric="l2")
        client.upsert("a", range(3 * ROWS), rows(1, 3 * ROWS))
        client.compact("a")
        index = sum(s.index_bytes for s in client.info("a", with_segments=True).segments)
        client.snapshot_create("s")
        client.snapshot_verify("s")
        before, peak, done = resident(self.server.process.pid), 0, threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.is_set():
                peak = max(peak, resident(self.server.process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        clients = [self.client() for _ in range(4)]
        verifiers = [threading.Thread(target=c.snapshot_verify, args=("s",)) for c in clients]
        for v in verifiers:
            v.start()
        for v in verifiers:
            v.join()
        done.set()
        watcher.join()
        self.assertGreater(index, 8 << 20)
        self.assertLess(peak - before, index)  # 4 times as much when each opened it in memory

    def test_a_state_comes_back_on_other_numbers_of_reactors(self) -> None:
        client = self.client()
        client.create("a", dim=DIM, metric="l2")
        client.upsert("a", range(ROWS), rows(1))
        client.delete("a", range(100, 200))
        taken = client.snapshot_create("first")
        self.assertEqual((taken.name, taken.collections, taken.damaged), ("first", 1, False))
        client.upsert("a", range(ROWS + 500), rows(2, ROWS + 500))
        self.assertGreater(client.snapshot_verify("first"), ROWS * DIM)
        client.snapshot_restore("first")
        gone = set(range(100, 200))
        self.want(client, rows(1), gone)
        client.upsert("a", range(ROWS), rows(3))
        self.want(client, rows(3))
        for reactors in ("1", "3", "2"):
            self.server.end()
            self.start_with("--reactors", reactors, "--restore", "first")
            self.want(self.client(), rows(1), gone)
        self.server.end()
        self.start_with("--reactors", "3")  # without being asked nothing is restored
        client = self.client()
        client.upsert("a", range(50), rows(4, 50))
        self.server.kill()
        self.server.start()
        client = self.client()
        found = client.get("a", range(50))
        numpy.testing.assert_array_equal(numpy.array([p.vector for p in found]), rows(4, 50))
        self.assertEqual([s.name for s in client.snapshots()], ["first"])

    def test_it_costs_no_space_until_the_server_lets_go_of_its_files(self) -> None:
        client = self.client()
        client.create("a", dim=DIM, metric="l2")
        client.upsert("a", range(ROWS), rows(1))
        client.seal("a")  # so that nothing is sealed meanwhile
        self.server.end()
        self.start_with("--reactors", "2")
        client = self.client()
        before = space(self.server.data)
        taken = client.snapshot_create("free")
        grown = space(self.server.data) - before
        self.assertGreater(taken.bytes, ROWS * DIM * 4)
        self.assertLess(grown, taken.bytes / 5, f"{grown} bytes more for a snapshot of {taken.bytes}")
        client.snapshot_restore("free")  # nor does a restore need it twice
        self.assertLess(space(self.server.data), before + taken.bytes / 2)

    @unittest.skipUnless(os.path.isdir("/dev/shm"), "there is no second file system to try")
    def test_on_another_file_system_it_is_copied(self) -> None:
        client = self.client()
        client.create("a", dim=DIM, metric="l2")
        client.upsert("a", range(ROWS), rows(1))
        with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
            if os.stat(elsewhere).st_dev == os.stat(self.server.data).st_dev:
                self.skipTest("/dev/shm is on the same file system")
            os.symlink(elsewhere, os.path.join(self.server.data, "snapshots"))
            taken = client.snapshot_create("far")
            self.assertGreaterEqual(space(os.path.join(elsewhere, "far")), taken.bytes)
            client.upsert("a", range(ROWS), rows(2))
            client.snapshot_verify("far")
            client.snapshot_restore("far")
            self.want(client, rows(1))
            self.server.end()
            os.unlink(os.path.join(self.server.data, "snapshots"))

    def test_a_copy_of_one_is_all_that_is_needed(self) -> None:
        client = self.client()
        client.create("a", dim=DIM, metric="l2")
        client.upsert("a", range(ROWS), rows(1))
        client.snapshot_create("copied")
        client.upsert("a", range(ROWS), rows(2))  # goes into the same log files, behind the end of the copy
        with tempfile.TemporaryDirectory() as elsewhere:
            copy = os.path.join(elsewhere, "copied")
            shutil.copytree(os.path.join(self.server.data, "snapshots", "copied"), copy)
            self.server.kill()
            shutil.rmtree(self.server.data)
            shutil.copytree(copy, os.path.join(self.server.data, "snapshots", "copied"))
        self.start_with("--reactors", "2", "--restore", "copied")
        self.want(self.client(), rows(1))

    def test_damage_is_named_and_a_restore_refused_before_anything_is_touched(self) -> None:
        client = self.client()
        client.create("a", dim=DIM, metric="l2")
        client.upsert("a", range(ROWS), rows(1))
        client.snapshot_create("bad")
        client.upsert("a", range(10), rows(5, 10))
        log = os.path.join(self.server.data, "snapshots", "bad", "log")
        folder = os.path.join(log, os.listdir(log)[0])
        name = sorted(os.listdir(folder))[-1]
        path = os.path.join(folder, name)
        with open(path, "rb") as f:
            data = f.read()
        os.unlink(path)  # the server's file of the same content stays as it is
        with open(path, "wb") as f:
            f.write(data.replace(b"KLOG", b"KLOX"))
        self.assertIn(name, self.fails(kith.Code.CORRUPT, client.snapshot_verify, "bad"))
        said = self.fails(kith.Code.CORRUPT, client.snapshot_restore, "bad")
        self.assertIn("offset", said)
        self.assertEqual(client.count("a"), ROWS)
        failed = self.command("snapshot", "verify", "bad", status=1)
        self.assertIn(name, failed.stderr)


class Living(SnapshotTest):
    def test_one_is_taken_while_writes_go_on(self) -> None:
        client = self.client()
        client.create("a", dim=DIM, metric="l2")
        stop = threading.Event()
        acknowledged, failures = [0] * 3, []

        def write(number: int) -> None:
            with kith.Client("127.0.0.1", self.server.port) as own:
                value = 0
                while not stop.is_set():
                    value += 1
                    try:
                        own.upsert("a", [number], numpy.full((1, DIM), value, dtype=numpy.float32))
                        acknowledged[number] = value
                    except kith.KithError as e:
                        if e.code != kith.Code.UNAVAILABLE:
                            failures.append(e)
                            return

        writers = [threading.Thread(target=write, args=(n,)) for n in range(3)]
        for w in writers:
            w.start()
        while min(acknowledged) < 3 and not failures:
            time.sleep(0.01)
        taken = []
        for i in range(5):
            before = list(acknowledged)
            client.snapshot_create(f"live{i}")
            taken.append((before, list(acknowledged)))
        client.snapshot_restore("live2")  # under the writers' feet
        stop.set()
        for w in writers:
            w.join()
        self.assertEqual(failures, [])
        for i, (before, after) in enumerate(taken):
            client.snapshot_restore(f"live{i}")
            for point in client.get("a", range(3)):
                self.assertGreaterEqual(int(point.vector[0]), before[point.id])
                self.assertLessEqual(int(point.vector[0]), after[point.id] + 1)

    def test_a_kill_in_the_middle_of_a_restore_leaves_one_state_or_the_other(self) -> None:
        client = self.client()
        client.create("a", dim=DIM, metric="l2")
        client.upsert("a", range(ROWS), rows(1))
        client.snapshot_create("then")
        client.upsert("a", range(ROWS), rows(2))
        client.snapshot_create("now")
        state = 2
        rng = random.Random(7)
        for _ in range(8):
            target = 3 - state
            client = self.client()
            thread = threading.Thread(target=self.restore_unheard, args=(client, "then" if target == 1 else "now"))
            thread.start()
            time.sleep(rng.random() * 0.5)
            self.server.kill()
            thread.join()
            self.server.start()
            client = self.client()
            first = client.get("a", [0])[0].vector
            was, state = state, 1 if numpy.array_equal(first, rows(1)[0]) else 2
            self.want(client, rows(state))
            self.assertIn(state, (was, target))
            self.assertFalse(os.path.exists(os.path.join(self.server.data, "restoring")))
        for name in ("then", "now"):
            client.snapshot_verify(name)

    @staticmethod
    def restore_unheard(client: kith.Client, name: str) -> None:
        try:
            client.snapshot_restore(name)
        except (kith.KithError, OSError):
            pass  # the server was killed


class Command(SnapshotTest):
    def test_what_the_command_line_says(self) -> None:
        self.client().create("a", dim=DIM)
        self.client().upsert("a", range(1000), rows(1, 1000))
        self.assertIn("bytes", self.command("snapshot", "create", "one").stdout)
        self.command("snapshot", "create")
        for _ in range(3):  # some within a second
            self.assertRegex(self.command("snapshot", "create", "--json").stdout, r'"name": ?"\d{8}-\d{6}(-\d+)?"')
            self.command("snapshot", "delete", max(s.name for s in self.client().snapshots() if s.name != "one"))
        made = [self.client().snapshot_create().name for _ in range(4)]
        self.assertEqual(len(set(made)), 4)
        for name in made:
            self.command("snapshot", "delete", name)
        listed = [json.loads(line) for line in self.command("snapshot", "list", "--json").stdout.splitlines()]
        self.assertEqual(len(listed), 2)
        self.assertEqual(listed[1]["name"], "one")
        self.assertRegex(listed[0]["name"], r"^\d{8}-\d{6}$")
        self.assertEqual(len(self.command("snapshot", "list").stdout.splitlines()), 3)
        self.assertIn("is whole", self.command("snapshot", "verify", "one").stdout)
        self.command("drop", "a")
        self.assertIn("restored one", self.command("snapshot", "restore", "one").stdout)
        self.assertEqual(self.command("count", "a").stdout, "1000\n")
        self.assertIn("exists already", self.command("snapshot", "create", "one", status=1).stderr)
        self.assertIn("there are: ", self.command("snapshot", "restore", "two", status=1).stderr)
        self.assertIn("cannot name", self.command("snapshot", "delete", "../one", status=1).stderr)
        self.command("snapshot", "delete", "one")
        self.assertIn("there is no snapshot", self.command("snapshot", "delete", "one", status=1).stderr)
        self.command("snapshot", "frobnicate", status=2)
        self.command("snapshot", "verify", status=2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
