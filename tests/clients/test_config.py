"""Tests settings from the Python client and the command line, with a real server: they are shown,
changed, refused, and kept over a kill.

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


class Config(unittest.TestCase):
    def setUp(self) -> None:
        self.server = Server("--reactors", "2", "--no-pin", "--set", "write.share=30")
        self.addCleanup(self.server.stop)

    def kith(self, *arguments: str, status: int = 0):
        environment = dict(os.environ, KITH_SERVER=self.server.address)
        done = subprocess.run([os.environ["KITH"], "config", *arguments], capture_output=True, text=True, env=environment, timeout=60)
        self.assertEqual(done.returncode, status, f"{arguments}: {done.stdout}{done.stderr}")
        return done

    def test_the_command_line_lists_sets_and_resets(self) -> None:
        lines = self.kith().stdout.splitlines()
        self.assertEqual(lines[0].split(), "name value default from takes".split())
        self.assertLessEqual(max(map(len, lines)), 80)
        shown = {line.split()[0]: line.split()[1:4] for line in lines[1 : lines.index("")]}
        for name in shown:  # what it does stands below
            self.assertTrue(lines[lines.index(name) + 1].startswith("    "), name)
        self.assertEqual(shown["search.ef"], ["auto", "auto", "default"])
        self.assertEqual(shown["write.share"], ["30", "25", "option"])
        self.assertEqual(self.kith("set", "search.ef", "200").stdout, "search.ef is 200 from now on\n")
        self.assertEqual(self.kith("get", "search.ef").stdout, "200\n")
        one = json.loads(self.kith("get", "search.ef", "--json").stdout)
        self.assertEqual((one["value"], one["default"], one["source"], one["number"]), ("200", "auto", "set", 200))
        self.assertEqual({json.loads(line)["name"] for line in self.kith("--json").stdout.splitlines()}, set(shown))
        self.assertEqual(self.kith("reset", "search.ef").stdout, "search.ef is auto from now on\n")
        self.assertIn("did you mean 'search.ef'?", self.kith("get", "search.if", status=1).stderr)
        self.assertNotIn("did you mean", self.kith("get", "frobnicate", status=1).stderr)
        self.assertIn("connections cannot be '0'; it takes auto, or 1 to 1000000", self.kith("set", "connections", "0", status=1).stderr)
        self.assertIn("takes off, or 1 to", self.kith("set", "search.recall_sample", "0", status=1).stderr)
        self.assertIn("it takes 50 to 10000", self.kith("set", "slice_us", "1", status=1).stderr)
        for wrong in (["set", "search.ef"], ["get"], ["put", "search.ef", "1"], ["list", "x"]):
            self.kith(*wrong, status=2)

    def test_memory_that_is_set_bounds_requests_at_once_and_after_a_restart(self) -> None:
        row = numpy.ones((1, 1024), dtype=numpy.float32)

        def write() -> None:
            client.upsert("large", [1], row, [bytes(8 << 20)])  # one request, which cannot be cut

        with kith.Client("127.0.0.1", self.server.port) as client:
            client.create("large", dim=1024, metric="l2")
            write()
            client.config_set("memory", "64MiB")
            with self.assertRaises(kith.KithError) as refused:
                write()
            self.assertEqual(refused.exception.code, kith.Code.TOO_LARGE)
        self.server.end()
        self.server.start()
        with kith.Client("127.0.0.1", self.server.port) as client:
            with self.assertRaises(kith.KithError) as refused:
                write()
            self.assertEqual(refused.exception.code, kith.Code.TOO_LARGE)
            client.config_set("memory", "4GiB")
            write()

    def test_the_client_sets_and_a_kill_forgets_nothing(self) -> None:
        with kith.Client("127.0.0.1", self.server.port) as client:
            self.assertEqual(client.config_set("memory", "8GiB").number, 8 << 30)
            client.config_set("slice_us", 250)
            client.config_set("write.share", 35)
            self.assertEqual(client.config_get("write.share").source, "set")
            with self.assertRaises(kith.KithError) as refused:
                client.config_set("memory", "a lot")
            self.assertEqual(refused.exception.code, kith.Code.INVALID_ARGUMENT)
            self.assertIn("64MiB", str(refused.exception))
            self.assertEqual(client.config_reset("memory").value, "auto")
        self.server.kill()
        self.server.start()
        with kith.Client("127.0.0.1", self.server.port) as client:
            now = {s.name: (s.value, s.source) for s in client.config()}
        self.assertEqual(now["slice_us"], ("250", "set"))
        self.assertEqual(now["write.share"], ("30", "option"), "the option wins at a start")
        self.assertEqual(now["memory"], ("auto", "default"))

    def test_wrong_options_end_the_server_with_a_sentence(self) -> None:
        for option, sentence in (("memory=8QiB", "64MiB"), ("serch.ef=1", "search.ef"), ("search.ef", "NAME=VALUE")):
            done = subprocess.run([os.environ["KITHD"], "--data", "/nonexistent", "--set", option], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 2)
            self.assertIn(sentence, done.stderr)
        contrary = ["--set", "write.share=80", "--set", "background.share=80"]
        done = subprocess.run([os.environ["KITHD"], "--data", "/nonexistent", *contrary], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("leave too little for searches", done.stderr)

    def test_memory_beyond_that_of_the_machine_is_warned_of(self) -> None:
        with kith.Client("127.0.0.1", self.server.port) as client:
            client.config_set("memory", "64TiB")
        self.server.process.terminate()
        self.assertIn("memory is set to 64 TiB, which is more than the ", self.server.process.stdout.read())
        self.server.process.wait(60)


if __name__ == "__main__":
    unittest.main(verbosity=2)
