"""Runs a real kithd for a test. The environment variable KITHD names the program. The server gets a free
port, and its data are removed after the test."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from typing import Tuple


def hold_port() -> socket.socket:
    """Takes a free port and keeps it while no server runs, so that a restart finds it free.

    The port is first bound exclusively and then shared: kithd may bind it too, other programs not."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return holder


class Server:
    def __init__(self, *options: str) -> None:
        self.data = tempfile.mkdtemp(prefix="kith-test-")
        self.options = options
        self.process = None
        self.holder = hold_port()
        self.port, self.http_port = self.holder.getsockname()[1], 0
        self.start()

    def start(self) -> None:
        """Starts the server on the port that it had before."""
        command = [os.environ["KITHD"], "--data", self.data, "--listen", f"127.0.0.1:{self.port}", "--http", "127.0.0.1:0"]
        command += self.options
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            match = re.search(r" serving on 127\.0\.0\.1:(\d+), (?:metrics on 127\.0\.0\.1:(\d+))?", line)
            if match:
                self.port, self.http_port = int(match.group(1)), int(match.group(2) or 0)
                return
        raise RuntimeError("kithd did not start:\n" + "".join(seen))

    def kill(self) -> None:
        """Kills the server, as a crash would."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def end(self) -> None:
        """Stops the server in order. Its data stay."""
        self.process.terminate()
        self.process.wait(60)
        self.process.stdout.close()

    def http(self, path: str) -> Tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        self.holder.close()
        shutil.rmtree(self.data, ignore_errors=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"
