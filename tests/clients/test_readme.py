"""Runs the examples of the READMEs as they stand there, and compares the output. Also builds the
Python package, without a network."""

import base64
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile

try:
    import numpy  # noqa: F401
except ImportError:
    print("skipped: NumPy is missing (apt-get install python3-numpy)")
    sys.exit(77)

from kithd import Server

TOP = pathlib.Path(__file__).resolve().parents[2]


def block(path: str, begins: str) -> str:
    """Returns the indented block of a README that begins with those words."""
    lines = (TOP / path).read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("    " + begins))
    last = first
    while last < len(lines) and (not lines[last] or lines[last].startswith("    ")):
        last += 1
    return "\n".join(line[4:] for line in lines[first:last]) + "\n"


class Readme(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)
        directory = tempfile.TemporaryDirectory(prefix="kith-test-")
        cls.addClassCleanup(directory.cleanup)
        cls.directory = directory.name

    def run_in(self, *command: str) -> str:
        settings = dict(os.environ, KITH_SERVER=self.server.address, PYTHONPATH=str(TOP / "clients/python"))
        done = subprocess.run(command, cwd=self.directory, env=settings, capture_output=True, text=True, timeout=100)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_1_the_commands_of_the_first_page(self) -> None:
        script = block("README.md", "cat >towns.jsonl").replace("kith=build/bin/kith", "kith=" + os.path.abspath(os.environ["KITH"]))
        said = self.run_in("bash", "-e", "-c", script.replace("kith top ", "kith top --once "))
        self.assertRegex(said, r'(?m)^ *1 +4 +5 +\{"name": "Bergen"\}\n *2 +3 +29 +\{"name": "Oslo"\}$')
        self.assertIn('{"id":1,"payload":{"name": "Kyoto"}}\n', said)
        self.assertIn("deleted 1 of 1", said)

    def test_2_the_python_of_the_first_page(self) -> None:
        port = str(self.server.port)
        said = self.run_in(sys.executable, "-c", block("README.md", "import kith").replace("7700", port))
        self.assertEqual(said, "4 5.0\n3 29.0\n")
        said = self.run_in(sys.executable, str(TOP / "clients/python/examples/towns.py"), "127.0.0.1", port)
        self.assertTrue(said.startswith("Bergen"), said)

    def test_the_python_of_its_own_page(self) -> None:
        code = re.search(r"```python\n(.*?)```", (TOP / "clients/python/README.md").read_text(), re.S).group(1)
        said = self.run_in(sys.executable, "-c", code.replace("7700", str(self.server.port)))
        self.assertTrue(said.startswith("[89, 90, 88]"), said)

    def test_the_wheel_holds_the_package(self) -> None:
        build = "import backend, sys; print(backend.build_wheel(sys.argv[1])); backend.build_sdist(sys.argv[1])"
        done = subprocess.run([sys.executable, "-c", build, self.directory], cwd=TOP / "clients/python", capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        with zipfile.ZipFile(os.path.join(self.directory, done.stdout.strip())) as wheel:
            names = set(wheel.namelist())
            record = wheel.read("kith-0.1.0.dist-info/RECORD").decode().splitlines()
            for line in record[:-1]:
                path, digest, size = line.rsplit(",", 2)
                data = wheel.read(path)
                self.assertEqual(int(size), len(data))
                self.assertEqual(digest, "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode())
        self.assertEqual(len(record), len(names))
        self.assertLessEqual({"kith/__init__.py", "kith/client.py", "kith/parts.py", "kith/py.typed"}, names)


if __name__ == "__main__":
    unittest.main()
