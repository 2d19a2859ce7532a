#!/usr/bin/env python3
"""many.py KITHD [N]: measures many small collections, and whether one of N is slower than one alone.

Starts kithd in a temporary folder and creates N collections (10 000) of 10 points with 16
dimensions over 16 connections. Prints creations and first writes a second, KiB of resident memory
for each, the latency of an upsert and of a search in one of N beside the only one, idle CPU, and
the time of a start. Needs NumPy and the kith package (clients/python).
"""
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../clients/python"))
import kith

DIM, POINTS, CONNECTIONS, PROBES = 16, 10, 16, 500


class Server:
    def __init__(self, program, folder):
        began = time.monotonic()
        self.process = subprocess.Popen(
            [program, "--data", folder, "--listen", "127.0.0.1:0", "--http", "off"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        self.seconds = time.monotonic() - began
        host, port = line.split("serving on ")[1].split(",")[0].rsplit(":", 1)
        self.address = (host, int(port))

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def by_all(server, numbers, work):
    """Seconds that all connections together need for work(client, number) with all numbers."""
    def run(part):
        client = kith.Client(*server.address)
        for number in part:
            work(client, number)

    threads = [threading.Thread(target=run, args=(numbers[i::CONNECTIONS],)) for i in range(CONNECTIONS)]
    began = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return time.monotonic() - began


def latency_us(work):
    times = []
    for _ in range(PROBES):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e6)
    return f"median {sorted(times)[PROBES // 2]:.0f} us, p99 {sorted(times)[PROBES * 99 // 100]:.0f} us"


def probe(server, n, what):
    client, row = kith.Client(*server.address), numpy.ones((1, DIM), "f4")
    print(f"upsert in {what}: " + latency_us(lambda: client.upsert(f"c{random.randrange(n)}", [1], row)))
    print(f"search in {what}: " + latency_us(lambda: client.search(f"c{random.randrange(n)}", row[0], k=5)))


def main():
    program, n = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    rows = numpy.random.default_rng(1).standard_normal((POINTS, DIM)).astype("f4")
    with tempfile.TemporaryDirectory() as folder:
        server = Server(program, folder)
        empty = server.resident_kib()
        write = lambda client, i: client.upsert(f"c{i}", list(range(POINTS)), rows)
        by_all(server, [0], lambda client, i: (client.create(f"c{i}", DIM, "l2"), write(client, i)))
        probe(server, 1, "the only one")
        seconds = by_all(server, range(1, n), lambda client, i: client.create(f"c{i}", DIM, "l2"))
        print(f"created: {n / seconds:.0f} a second, {(server.resident_kib() - empty) / n:.1f} KiB each")
        seconds = by_all(server, range(1, n), write)
        print(f"written: {n / seconds:.0f} a second, {(server.resident_kib() - empty) / n:.1f} KiB each")
        probe(server, n, f"one of {n}")
        time.sleep(1)
        idle = server.cpu_seconds()
        time.sleep(5)
        print(f"idle: {(server.cpu_seconds() - idle) / 5 * 100:.1f} % of a core")
        server.stop()
        server = Server(program, folder)
        print(f"start: {server.seconds:.2f} s, {server.cpu_seconds():.2f} s of CPU")
        probe(server, n, f"one of {n}")
        server.stop()


main()
