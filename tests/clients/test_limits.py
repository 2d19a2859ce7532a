"""Tests a real server at the limits of its process: few descriptors, more clients than these allow,
signals, wrong addresses.

KITHD and KITH name the programs."""

import contextlib
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import tempfile
import unittest

from kithd import Server, hold_port

DESCRIPTORS = 64
HELLO = struct.pack("<IHHQIIQ", 0x4854494B, 1, 0, 1, 4, 0, 0) + b"\x08\x01\x10\x01"  # versions 1 to 1


def few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


class Limits(unittest.TestCase):
    def kith(self, port: int, *arguments: str) -> subprocess.CompletedProcess:
        environment = dict(os.environ, KITH_SERVER=f"127.0.0.1:{port}")
        return subprocess.run([os.environ["KITH"], *arguments], capture_output=True, text=True, env=environment, timeout=60)

    def test_a_hangup_does_not_end_the_server(self) -> None:
        server = Server("--reactors", "1", "--no-pin")
        self.addCleanup(server.stop)
        server.process.send_signal(signal.SIGHUP)
        self.assertEqual(self.kith(server.port, "ping", "--count", "1").returncode, 0)
        self.assertIsNone(server.process.poll())

    def test_idle_connections_leave_the_server_its_files(self) -> None:
        with tempfile.TemporaryDirectory() as data, tempfile.TemporaryFile("w+") as log, hold_port() as holder:
            port = holder.getsockname()[1]
            command = [os.environ["KITHD"], "--data", data, "--listen", f"127.0.0.1:{port}", "--http", "off", "--reactors", "1", "--no-pin"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, preexec_fn=few_descriptors)
            self.addCleanup(process.kill)
            self.assertIn("serving on", process.stdout.readline())
            self.assertEqual(self.kith(port, "create", "a", "--dim", "2", "--metric", "l2").returncode, 0)
            idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(2 * DESCRIPTORS)]
            for one in idle:
                one.settimeout(30)
                with contextlib.suppress(OSError):  # it was told already
                    one.sendall(HELLO)
            answers = [one.recv(1000) for one in idle]
            served = [a for a in answers if a[6:8] == b"\x01\x00"]  # flags: an answer, no error
            self.assertGreater(len(served), 10)
            for answer in answers:  # whoever is too many hears so, whatever the limit is
                self.assertTrue(answer in served or b"connections" in answer, answer)
            for one in idle:
                one.close()
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(60), 0)
            process.stdout.close()
            log.seek(0)
            lines = [line for line in log if " warn " in line]
            self.assertLessEqual(len(lines), 2, lines)

    def test_an_import_cuts_batches_that_are_too_large_for_the_server(self) -> None:
        server = Server("--memory", "64MiB", "--reactors", "2", "--no-pin")
        self.addCleanup(server.stop)
        with tempfile.NamedTemporaryFile(suffix=".fvecs") as file:
            for row in range(2500):
                file.write(struct.pack("<I768f", 768, *([float(row)] * 768)))
            file.flush()
            done = self.kith(server.port, "import", "a", file.name, "--create", "--metric", "l2")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.kith(server.port, "count", "a").stdout, "2500\n")

    def test_what_is_no_address_is_refused(self) -> None:
        for address in ("[::1]18990", "::1", "localhost:1", "[::1", "127.0.0.1:", "127.0.0.1:70000", ":1", "1.2.3:4", ""):
            done = subprocess.run([os.environ["KITHD"], "--data", "/nonexistent", "--listen", address], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 2, f"{address}: {done.stdout}{done.stderr}")
            self.assertTrue(re.search("expected", done.stderr), done.stderr)

    def test_an_address_of_another_machine_is_no_port_in_use(self) -> None:
        with tempfile.TemporaryDirectory() as data:
            command = [os.environ["KITHD"], "--data", data, "--listen", "192.0.2.1:7700", "--reactors", "1", "--no-pin"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("192.0.2.1 is not an IP address of this machine", done.stderr)
        self.assertNotIn("in use", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
