"""Prints the three towns nearest to a place. Usage: towns.py [HOST [PORT]]"""

import sys

import kith
import numpy

TOWNS = {"Kyoto": (135.8, 35.0), "Lima": (-77.0, -12.0), "Oslo": (10.7, 59.9), "Bergen": (5.3, 60.4), "Accra": (-0.2, 5.6)}


def main() -> None:
    host = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 7700
    with kith.Client(host, port) as client:
        if "example-towns" not in [c.name for c in client.list()]:
            client.create("example-towns", dim=2, metric="l2")
        client.upsert("example-towns", range(1, len(TOWNS) + 1), numpy.array(list(TOWNS.values())), [{"name": n} for n in TOWNS])
        hits = client.search("example-towns", [6.0, 58.0], k=3, with_payloads=True)
        for score, payload in zip(hits.scores, hits.payloads):
            print(f"{payload['name']:10} squared distance {score:.1f}")


if __name__ == "__main__":
    main()
