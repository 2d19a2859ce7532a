"""Tests that the last write of an id wins, though the server answers in any order, refuses some
requests for now, and breaks connections.

The server is that of scripted.py: kithd would not show every order."""

import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy
except ImportError:
    print("skipped: NumPy is missing (apt-get install python3-numpy)")
    sys.exit(77)

import kith
from scripted import UNAVAILABLE, ScriptedServer

ROWS = 1500


def ids_of(seed: int) -> list:
    """Draws ids: some are seldom, some are in every batch."""
    draw = random.Random(seed)
    return [draw.randrange(draw.choice((3, 40, 1500))) for _ in range(ROWS)]


class Import(unittest.TestCase):
    def run_import(self, seed: int, **freedoms: float) -> ScriptedServer:
        server = ScriptedServer(seed, **freedoms)
        self.addCleanup(server.stop)
        ids = ids_of(seed)
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            for row, i in enumerate(ids):
                file.write(json.dumps({"id": i, "vector": [row], "payload": {"row": row}}) + "\n")
            file.flush()
            command = [os.environ["KITH"], "import", "a", file.name, "--server", server.address, "--batch", "10", "--in-flight", "16"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=200)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(server.older, [], f"seed {seed}")
        last = {i: row for row, i in enumerate(ids)}
        self.assertEqual({i: int(x) for i, (x, _) in server.points.items()}, last, f"seed {seed}")
        self.assertEqual({i: json.loads(p)["row"] for i, (_, p) in server.points.items()}, last, f"seed {seed}")
        return server

    def test_the_last_row_wins_in_any_order_of_the_answers(self) -> None:
        for seed in range(4):
            self.run_import(seed)

    def test_the_last_row_wins_when_the_server_refuses_for_now(self) -> None:
        self.run_import(10, refuse=0.05)

    def test_the_last_row_wins_when_the_connection_breaks(self) -> None:
        server = self.run_import(20, break_off=0.02)
        self.assertGreater(server.connections, 2)

    def test_the_last_row_wins_when_batches_are_too_large(self) -> None:
        server = self.run_import(40, refuse=0.02, points_most=4)
        self.assertGreater(server.too_large, 0)
        self.assertLess(server.too_large, 40)  # later batches are smaller from the start

    def import_of_other_ids(self, patience_s: int, **freedoms: float) -> ScriptedServer:
        server = ScriptedServer(1, **freedoms)
        self.addCleanup(server.stop)
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.writelines(json.dumps({"id": i, "vector": [i]}) + "\n" for i in range(ROWS))
            file.flush()
            command = [os.environ["KITH"], "import", "a", file.name, "--server", server.address, "--batch", "10", "--in-flight", "16"]
            subprocess.run(command, capture_output=True, check=True, timeout=patience_s)
        self.assertEqual(len(server.points), ROWS)
        return server

    def test_rows_with_other_ids_do_not_wait_for_each_other(self) -> None:
        self.assertEqual(self.import_of_other_ids(patience_s=200).in_flight_most, 16)

    def test_batches_that_are_refused_together_cost_one_pause(self) -> None:
        self.import_of_other_ids(patience_s=40, refuse_first=16)  # a pause for each would take a minute


def client_repeats(client: kith.Client, row: int) -> None:
    """Upserts four points. If the connection breaks, begins again with the first."""
    while True:
        try:
            client.upsert("a", [0, 1, 2, 3], numpy.full((4, 1), row, "f4"))
            return
        except kith.KithError as e:
            if e.code != kith.Code.DISCONNECTED:
                raise
            client.reconnect()


class Python(unittest.TestCase):
    def upsert(self, seed: int, payloads: bool, refuse: float = 0.0, points_most: int = 1 << 20) -> ScriptedServer:
        server = ScriptedServer(seed, refuse, codes=(UNAVAILABLE,), points_most=points_most)
        self.addCleanup(server.stop)
        ids = ids_of(seed)
        rows = numpy.arange(ROWS, dtype="f4").reshape(-1, 1)
        with kith.Client("127.0.0.1", server.port, timeout=60) as client:
            self.assertEqual(client.upsert("a", ids, rows, [b"%d" % i for i in range(ROWS)] if payloads else None), ROWS)
        last = {i: row for row, i in enumerate(ids)}
        if refuse == 0:  # else the whole upsert is repeated, from its first row
            self.assertEqual(server.older, [], f"seed {seed}")
        self.assertEqual({i: int(x) for i, (x, _) in server.points.items()}, last, f"seed {seed}")
        if payloads:
            self.assertEqual({i: int(p) for i, (_, p) in server.points.items()}, last, f"seed {seed}")
        return server

    def test_what_is_repeated_after_a_broken_connection_is_the_last(self) -> None:
        kith.parts.REQUEST_BYTES = 40
        server = ScriptedServer(30, break_off=0.02)
        self.addCleanup(server.stop)
        with kith.Client("127.0.0.1", server.port, timeout=60) as client:
            for row in range(300):
                client_repeats(client, row)
                self.assertEqual({x for x, _ in server.points.values()}, {row})
        self.assertGreater(server.connections, 2)

    def setUp(self) -> None:
        self.addCleanup(setattr, kith.parts, "REQUEST_BYTES", kith.parts.REQUEST_BYTES)

    def test_the_last_row_wins_in_any_order_of_the_answers(self) -> None:
        for seed in range(4):
            kith.parts.REQUEST_BYTES = 40 + 10 * seed
            self.upsert(seed, payloads=seed % 2 == 1)

    def test_the_last_row_wins_when_requests_are_too_large(self) -> None:
        for seed in range(50, 54):
            kith.parts.REQUEST_BYTES = 100
            server = self.upsert(seed, payloads=seed % 2 == 1, points_most=4)
            self.assertGreater(server.too_large, 0)

    def test_a_server_that_refuses_because_it_starts_is_asked_again(self) -> None:
        kith.parts.REQUEST_BYTES = 4000
        self.upsert(7, payloads=True, refuse=0.1)

    def test_other_ids_do_not_wait_for_each_other(self) -> None:
        kith.parts.REQUEST_BYTES = 40
        server = ScriptedServer(1)
        self.addCleanup(server.stop)
        with kith.Client("127.0.0.1", server.port, timeout=60) as client:
            client.upsert("a", list(range(1000)), numpy.zeros((1000, 1), "f4"))
        self.assertEqual(server.in_flight_most, 4)


if __name__ == "__main__":
    unittest.main()
