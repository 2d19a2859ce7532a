#!/usr/bin/env python3
"""The schema of a collection, by the command line and the Python client: fields come and go while it is used,
a change of another version is refused, and what was acknowledged outlives a kill.

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
from kithd import Server


class Schema(unittest.TestCase):
    def setUp(self) -> None:
        self.server = Server()
        self.addCleanup(self.server.stop)

    def kith(self, *words: str, status: int = 0) -> subprocess.CompletedProcess:
        environment = dict(os.environ, KITH_SERVER=self.server.address)
        done = subprocess.run([os.environ["KITH"], *words], capture_output=True, text=True, timeout=60, env=environment)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def test_fields_by_the_command_line(self) -> None:
        self.kith("create", "towns", "--dim", "2", "--metric", "l2")
        self.assertIn("schema version 1: no field is indexed", self.kith("info", "towns").stdout)
        self.assertIn("version 2 now", self.kith("field", "add", "towns", "people.count", "integer").stdout)
        self.assertIn("schema version 2: fields people.count (integer)", self.kith("info", "towns").stdout)
        self.kith("field", "add", "towns", "year", "integer", "--version", "2")
        said = self.kith("field", "add", "towns", "more", "integer", "--version", "2", status=1).stderr
        self.assertIn("version 3, not 2", said)
        self.assertIn("already", self.kith("field", "add", "towns", "year", "integer", status=1).stderr)
        self.assertIn("kind 'word' of field 'tag' is unknown; known: integer", self.kith("field", "add", "towns", "tag", "word", status=1).stderr)
        self.assertIn("usage: kith field add", self.kith("field", "add", "towns", "tag", status=2).stderr)
        listed = json.loads(self.kith("field", "list", "towns", "--json").stdout)
        self.assertEqual(listed, {"schema_version": 3, "fields": [{"field": "people.count", "kind": "integer"}, {"field": "year", "kind": "integer"}]})
        self.kith("field", "drop", "towns", "people.count")
        self.assertIn("no field 'people.count'; its fields: year", self.kith("field", "drop", "towns", "people.count", status=1).stderr)
        self.assertNotIn("people", self.kith("field", "list", "towns").stdout)
        info = json.loads(self.kith("info", "towns", "--json").stdout)
        self.assertEqual((info["schema_version"], info["fields"]), (4, [{"field": "year", "kind": "integer"}]))

    def test_fields_given_at_the_creation(self) -> None:
        self.kith("create", "towns", "--dim", "2", "--field", "people.count:integer", "--field", "a:b:integer")
        listed = json.loads(self.kith("field", "list", "towns", "--json").stdout)["fields"]
        self.assertEqual(listed, [{"field": "people.count", "kind": "integer"}, {"field": "a:b", "kind": "integer"}])
        self.assertIn("schema version 1: fields people.count (integer), a:b (integer)", self.kith("info", "towns").stdout)
        self.assertIn("known: integer", self.kith("create", "more", "--dim", "2", "--field", "tag:word", status=1).stderr)
        for wrong in ("tag", ":integer", "tag:", "x" * 128 + ":integer"):
            self.assertIn("kith create: ", self.kith("create", "more", "--dim", "2", "--field", wrong, status=2).stderr)
        self.assertNotIn("more", self.kith("ls").stdout)

    def test_fields_by_python_and_after_a_kill(self) -> None:
        with kith.Client("127.0.0.1", self.server.port) as client:
            client.create("towns", dim=2, metric="l2")
            client.upsert("towns", [1], [[1, 2]], [{"year": 1990}])
            self.assertEqual(client.add_field("towns", "year"), 2)
            self.assertEqual(client.add_field("towns", "size", "integer", version=2), 3)
            with self.assertRaises(kith.KithError) as refused:
                client.drop_field("towns", "size", version=2)
            self.assertEqual(refused.exception.code, kith.Code.CONFLICT)
            with self.assertRaises(kith.KithError) as refused:
                client.add_field("towns", "name", "word")
            self.assertEqual(refused.exception.code, kith.Code.INVALID_ARGUMENT)
            self.assertEqual(client.drop_field("towns", "year"), 4)
        self.server.kill()
        self.server.start()
        with kith.Client("127.0.0.1", self.server.port) as client:
            collection = client.info("towns").collection
            self.assertEqual((collection.schema_version, collection.fields), (4, (("size", "integer"),)))
            self.assertEqual(client.get("towns", [1])[0].payload, {"year": 1990})
            self.assertEqual(client.list()[0].schema_version, 4)


if __name__ == "__main__":
    unittest.main(verbosity=2)
