"""A real kithd for a test: its program is named by the environment variable KITHD, its port is free, its data go away."""

import os
import re
import shutil
import subprocess
import tempfile


class Server:
    def __init__(self) -> None:
        self.data = tempfile.mkdtemp(prefix="kith-test-")
        self.process = None
        self.port = 0
        self.start()

    def start(self) -> None:
        """Starts on the port it had before, if any."""
        command = [os.environ["KITHD"], "--data", self.data, "--listen", f"127.0.0.1:{self.port}", "--http", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            match = re.search(r" serving on 127\.0\.0\.1:(\d+)", line)
            if match:
                self.port = int(match.group(1))
                return
        raise RuntimeError("kithd did not start:\n" + "".join(seen))

    def kill(self) -> None:
        """As a crash would."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.data, ignore_errors=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"
