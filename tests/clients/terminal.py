"""A terminal for a program that draws: a pty, and the part of a VT100 that ncurses uses."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from typing import Callable, List

SEQUENCE = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>78MDE])")


class Terminal:
    def __init__(self, command: List[str], columns: int, lines: int, **environment: str) -> None:
        self.columns, self.lines = columns, lines
        self.cells = [[" "] * columns for _ in range(lines)]
        self.x = self.y = 0
        self.bytes = b""  # everything that came, for questions about colours
        self._text = ""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))
        settings = {**os.environ, "TERM": "vt100", "LC_ALL": "C.UTF-8", **environment}
        settings.pop("COLUMNS", None), settings.pop("LINES", None)
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=settings, close_fds=True)
        os.close(slave)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def until(self, holds: Callable[[str], bool], seconds: float = 60) -> str:
        """Reads until the screen is as wanted, and returns it. Raises AssertionError with the screen."""
        end = time.monotonic() + seconds
        while not holds(self.screen()):
            assert time.monotonic() < end, "the screen is:\n" + self.screen()
            if select.select([self._master], [], [], 0.1)[0]:
                try:
                    data = os.read(self._master, 65536)
                except OSError:
                    data = b""
                if not data:
                    assert holds(self.screen()), "the program ended; the screen is:\n" + self.screen()
                self._take(data)
        return self.screen()

    def screen(self) -> str:
        return "\n".join("".join(row).rstrip() for row in self.cells)

    def _take(self, data: bytes) -> None:
        self.bytes += data
        self._text += data.decode(errors="ignore")
        at = 0
        while at < len(self._text):
            c = self._text[at]
            if c == "\x1b":
                match = SEQUENCE.match(self._text, at)
                if not match:
                    if len(self._text) - at > 16:
                        raise AssertionError(f"unknown sequence {self._text[at : at + 16]!r}")
                    break  # the rest of it is still to come
                self._obey(match.group(1))
                at = match.end()
                continue
            self._show(c)
            at += 1
        self._text = self._text[at:]

    def _show(self, c: str) -> None:
        if c == "\r":
            self.x = 0
        elif c == "\n":
            self.y = min(self.y + 1, self.lines - 1)
        elif c == "\b":
            self.x = max(self.x - 1, 0)
        elif c >= " " and c != "\x7f":
            if self.x == self.columns:
                self.x, self.y = 0, min(self.y + 1, self.lines - 1)
            self.cells[self.y][self.x] = c
            self.x += 1

    def _obey(self, sequence: str) -> None:
        if sequence[0] != "[":
            return
        numbers = [int(n) if n else 0 for n in re.findall(r"\d+|(?<=;)(?=[;A-Za-z])", sequence[1:-1])]
        first = numbers[0] if numbers else 0
        last = sequence[-1]
        row = self.cells[self.y]
        if last == "H":
            self.y = min(max(first, 1), self.lines) - 1
            self.x = min(max(numbers[1] if len(numbers) > 1 else 1, 1), self.columns) - 1
        elif last == "K":
            begin = self.x if first == 0 else 0
            end = self.x + 1 if first == 1 else self.columns
            row[begin:end] = [" "] * (end - begin)
        elif last == "J":
            begin = (self.y, self.x) if first == 0 else (0, 0)
            for y in range(begin[0], self.lines):
                for x in range(begin[1] if y == begin[0] else 0, self.columns):
                    self.cells[y][x] = " "
        elif last in "ABCD":
            n = max(first, 1)
            self.y = min(max(self.y + {"A": -n, "B": n}.get(last, 0), 0), self.lines - 1)
            self.x = min(max(self.x + {"C": n, "D": -n}.get(last, 0), 0), self.columns - 1)
