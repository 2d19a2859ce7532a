#!/usr/bin/env python3
"""Tests searches with filters by the command line and the Python client, also after a kill, and which
filters are refused.

KITHD and KITH name the programs."""

import json
import os
import subprocess
import sys
import unittest

try:
    import numpy
except ImportError:
    print("skipped: NumPy is missing (apt-get install python3-numpy)")
    sys.exit(77)

import kith
from kith import Client
from kithd import Server

POINTS = 400


def payload(i: int) -> dict:
    return {"year": 1900 + i % 100, "stars": [i % 5, i % 3], "note": None if i % 7 == 0 else i}


class Filter(unittest.TestCase):
    def setUp(self) -> None:
        self.server = Server()
        self.addCleanup(self.server.stop)

    def kith(self, *words: str, status: int = 0) -> subprocess.CompletedProcess:
        environment = dict(os.environ, KITH_SERVER=self.server.address)
        done = subprocess.run([os.environ["KITH"], *words], capture_output=True, text=True, timeout=60, env=environment)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def fill(self, client: Client) -> None:
        client.create("films", dim=2, metric="l2")
        client.add_field("films", "year")
        rows = [[i, 0] for i in range(POINTS)]
        client.upsert("films", list(range(POINTS)), rows, [payload(i) for i in range(POINTS)])
        client.add_field("films", "stars")
        client.add_field("films", "note")

    def check(self, client: Client, conditions: dict, passes) -> None:
        expected = [i for i in range(POINTS) if passes(payload(i))][:5]
        for exact in (False, True):
            hits = client.search("films", [-1, 0], k=5, exact=exact, filter=conditions)
            self.assertEqual([int(i) for i in hits.ids], expected, conditions)

    def check_all(self, client: Client) -> None:
        self.check(client, {"year": {"gte": 1950, "lt": 1953}}, lambda p: 1950 <= p["year"] < 1953)
        self.check(client, {"year": {"gt": 1950.5, "lte": 1952}}, lambda p: 1950 < p["year"] <= 1952)
        self.check(client, {"year": {"gte": -1}, "stars": 4}, lambda p: 4 in p["stars"])
        self.check(client, {"stars": {"not": [0, 1]}}, lambda p: not {0, 1} & set(p["stars"]))
        self.check(client, {"note": None, "year": [1907, 1935, 1914]}, lambda p: p["note"] is None and p["year"] in (1907, 1935, 1914))
        self.check(client, {"note": {"not": {"empty": True}}, "year": {"lt": 1903}}, lambda p: p["note"] is not None and p["year"] < 1903)
        self.check(client, {"year": 5}, lambda p: False)
        self.check(client, {}, lambda p: True)

    def test_python(self) -> None:
        with kith.Client("127.0.0.1", self.server.port) as client:
            self.fill(client)
            self.check_all(client)
            client.seal("films")
            self.check_all(client)
            for bad, says in (
                ({"size": 1}, "'size', which 'films' has no index of"),
                ({"year": 1.5}, "whole number"),
                ({"year": {"above": 1}}, "gt, gte, lt, lte"),
                ({"year": True}, "whole number"),
                ({"year": 1 << 63}, "64 bits"),
                ([("year", 1)], "dict"),
            ):
                with self.assertRaises(kith.KithError) as refused:
                    client.search("films", [0, 0], filter=bad)
                self.assertIn(says, str(refused.exception))
        self.server.kill()
        self.server.start()
        with kith.Client("127.0.0.1", self.server.port) as client:
            self.check_all(client)

    def test_the_command_line(self) -> None:
        with kith.Client("127.0.0.1", self.server.port) as client:
            self.fill(client)

        def ids(text: str) -> list:
            said = self.kith("search", "films", "--vector=-1,0", "--k", "3", "--filter", text, "--json").stdout
            return [hit["id"] for hit in json.loads(said)["hits"]]

        self.assertEqual(ids("year >= 1990 and year < 2000"), [90, 91, 92])
        self.assertEqual(ids("1990 < year <= 1999 and not stars in (0, 1)"), [i for i in range(400) if 90 < i % 100 and i % 5 > 1 and i % 3 > 1][:3])
        self.assertIn("'and' is expected at 'or", self.kith("search", "films", "--vector", "0,0", "--filter", "year = 1 or year = 2", status=2).stderr)
        self.assertIn("no index of", self.kith("search", "films", "--vector", "0,0", "--filter", "size = 1", status=1).stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
