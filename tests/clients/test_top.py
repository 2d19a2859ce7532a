"""Tests `kith top` on a terminal: what fits into 80x24, how it marks what does not fit, and a server
that starts again."""

import os
import re
import struct
import subprocess
import tempfile
import unittest

from kithd import Server
from terminal import Terminal


class Top(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)
        kith = [os.environ["KITH"]]
        with tempfile.NamedTemporaryFile(suffix=".fvecs") as file:
            file.write(b"".join(struct.pack("<I2f", 2, i, 1) for i in range(100)))
            file.flush()
            name = "a_collection_with_a_rather_long_name"
            subprocess.run(kith + ["import", name, file.name, "--create", "--server", cls.server.address], check=True, capture_output=True)
        for i in range(12):
            subprocess.run(kith + ["create", f"c{i}", "--dim", "2", "--server", cls.server.address], check=True, capture_output=True)

    def top(self, columns: int, lines: int, **environment: str) -> Terminal:
        command = [os.environ["KITH"], "top", "--interval-ms", "200", "--server", self.server.address]
        terminal = Terminal(command, columns, lines, **environment)
        self.addCleanup(terminal.close)
        return terminal

    def test_everything_has_room_at_80x24(self) -> None:
        screen = self.top(80, 24).until(lambda s: re.search(r"(?m)^and \d+ more$", s) and "p99.9" in s and "q quit" in s)
        for part in ("searches", "last minute", " connection", "writes", "deletes", "backlog", "slowed", "waiting", "refused/s", "memory",
                     "queue", "fibers", "stalls", "# searches", "+ writes", "- graphs, merges", "q quit", "segments", "disk"):
            self.assertIn(part, screen)
        self.assertRegex(screen, r"(?m)^a_coll\w+~ +100 ")
        self.assertRegex(screen, r"(?m)^and \d+ more$")
        self.assertNotIn(">", screen)

    def test_a_line_that_does_not_fit_is_marked(self) -> None:
        screen = self.top(50, 20).until(lambda s: "core" in s and ">" in s)
        for line in screen.splitlines():
            self.assertLessEqual(len(line), 50)
        self.assertTrue(any(len(line) == 50 and line[-1] == ">" for line in screen.splitlines()), screen)

    def test_no_colour_where_none_is_wanted(self) -> None:
        for environment, coloured in (({"TERM": "linux"}, True), ({"TERM": "linux", "NO_COLOR": "1"}, False)):
            terminal = self.top(80, 24, **environment)
            terminal.until(lambda _: b"q quit" in terminal.bytes)  # it speaks more than a VT100
            self.assertEqual(b"\x1b[32m" in terminal.bytes, coloured)

    def test_a_server_that_starts_again_is_found_again(self) -> None:
        terminal = self.top(80, 24)
        terminal.until(lambda s: "q quit" in s)
        self.server.end()
        terminal.until(lambda s: "connecting again" in s)
        self.server.start()
        terminal.until(lambda s: "connecting again" not in s and "kithd" in s)
        terminal.press("q")
        self.assertEqual(terminal.process.wait(30), 0)

    def test_readings_in_a_pipe_go_on_after_a_restart(self) -> None:
        command = [os.environ["KITH"], "top", "--json", "--interval-ms", "100", "--server", self.server.address]
        top = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(top.communicate)
        self.addCleanup(top.kill)
        self.assertIn("uptime_s", top.stdout.readline())
        self.server.end()
        self.assertIn("connecting again", top.stderr.readline())
        self.server.start()
        self.assertIn("uptime_s", top.stdout.readline())


if __name__ == "__main__":
    unittest.main()
