"""Tests odd arguments for every call of the Python client. Each is taken, or refused with a KithError
that names it. No call ends with an exception from inside, and the connection stays usable."""

import datetime
import decimal
import sys
import unittest
import uuid

try:
    import numpy
except ImportError:
    print("skipped: NumPy is missing (apt-get install python3-numpy)")
    sys.exit(77)

import kith
from kithd import Server

ODD = [None, "text", b"bytes", True, 1.5, float("nan"), float("inf"), -1, 2**32, 2**64, 10**400, [], {}, (), object(), [None], ["a"],
       [[1, 2], [3]], numpy.zeros((2, 2, 2)), numpy.array([None, 1], dtype=object), numpy.zeros(0), numpy.float32(3), numpy.int8(-3),
       uuid.UUID(int=7), datetime.datetime(2026, 1, 1), decimal.Decimal(3), range(3), {1, 2}, complex(1, 2), len, int,
       numpy.datetime64("2020"), "x" * 100000, "\ud800", "a\0b"]
ROW = [[1, 2]]
CREATE = ("dim", "metric", "durability", "m", "ef_construct", "slots", "code", "refine", "refine_k", "links")
SEARCH = ("k", "recall", "ef", "refine_k", "fan_out", "exact", "with_vectors", "with_payloads", "deadline_ms")


class Arguments(unittest.TestCase):
    def setUp(self) -> None:
        self.server = Server()
        self.addCleanup(self.server.stop)
        self.client = kith.Client("127.0.0.1", self.server.port)
        self.addCleanup(self.client.close)
        self.make()

    def make(self) -> None:
        if "a" not in [c.name for c in self.client.list()]:
            self.client.create("a", 2, "l2")
            self.client.upsert("a", [1], ROW)

    def calls(self):
        c = self.client
        for name in ("drop", "info", "count", "seal", "compact", "verify", "snapshot_delete", "snapshot_verify", "snapshot_restore",
                     "config_get", "config_reset"):
            yield name, getattr(c, name)
        for option in CREATE:
            yield f"create {option}", lambda odd, option=option: c.create("b", **{"dim": 2, option: odd})
        for option in SEARCH:
            yield f"search {option}", lambda odd, option=option: c.search("a", [1, 2], **{option: odd})
            yield f"search_many {option}", lambda odd, option=option: list(c.search_many("a", ROW, **{option: odd}))
        yield "search_many in_flight", lambda odd: list(c.search_many("a", ROW, in_flight=odd))
        yield "create name", lambda odd: c.create(odd, 2)
        yield "search query", lambda odd: c.search("a", odd)
        yield "search_many queries", lambda odd: list(c.search_many("a", odd))
        yield "search name", lambda odd: c.search(odd, [1, 2])
        yield "config_set name", lambda odd: c.config_set(odd, "1")
        yield "config_set value", lambda odd: c.config_set("search.ef", odd)
        yield "info segments", lambda odd: c.info("a", odd)
        yield "upsert name", lambda odd: c.upsert(odd, [1], ROW)
        yield "upsert ids", lambda odd: c.upsert("a", odd, ROW)
        yield "upsert id", lambda odd: c.upsert("a", [odd], ROW)
        yield "upsert mixed ids", lambda odd: c.upsert("a", [uuid.UUID(int=8), odd], ROW * 2)
        yield "upsert vectors", lambda odd: c.upsert("a", [1], odd)
        yield "upsert vector", lambda odd: c.upsert("a", [1], [odd])
        yield "upsert payloads", lambda odd: c.upsert("a", [1], ROW, odd)
        yield "upsert payload", lambda odd: c.upsert("a", [1], ROW, [odd])
        yield "get ids", lambda odd: c.get("a", odd)
        yield "get id", lambda odd: c.get("a", [odd])
        yield "get vectors", lambda odd: c.get("a", [1], with_vectors=odd)
        yield "delete ids", lambda odd: c.delete("a", odd)
        yield "delete id", lambda odd: c.delete("a", [odd])
        yield "host", lambda odd: kith.Client(odd, self.server.port, timeout=1).close() if not isinstance(odd, str) or odd != "text" else None
        yield "port", lambda odd: kith.Client("127.0.0.1", odd, timeout=1).close()
        yield "timeout", lambda odd: kith.Client("127.0.0.1", self.server.port, timeout=odd).close()

    def test_odd_arguments_are_taken_or_refused_with_a_sentence(self) -> None:
        for name, call in self.calls():
            for odd in ODD:
                with self.subTest(call=name, argument=repr(odd)[:60]):
                    try:
                        call(odd)
                    except kith.KithError as e:
                        self.assertNotIn(e.code, (kith.Code.DISCONNECTED, kith.Code.PROTOCOL, kith.Code.INTERNAL), str(e))
                        self.assertGreater(len(str(e)), 10)
                    self.client.ping()
            for made in self.client.list():
                if made.name == "b":
                    self.client.drop("b")
            self.make()

    def test_a_host_may_have_its_port_with_it(self) -> None:
        port = self.server.port
        for arguments in ((f"127.0.0.1:{port}",), (f"[127.0.0.1]:{port}",), ("[127.0.0.1]", port), (f"127.0.0.1:{port}", port)):
            with self.subTest(arguments), kith.Client(*arguments) as client:
                client.ping()
        for arguments, said in (((f"127.0.0.1:{port}", port % 60000 + 1), "port should be"), (("127.0.0.1:70000",), "the port in host"),
                                (("127.0.0.1:0",), "the port in host")):
            with self.subTest(arguments), self.assertRaisesRegex(kith.KithError, said):
                kith.Client(*arguments, timeout=1)

    def test_a_sentence_names_the_argument(self) -> None:
        for call, said in ((lambda: self.client.search("a", [1, 2], k="ten"), "k should be a whole number from 0 to 4294967295, not 'ten'"),
                           (lambda: self.client.search("a", [1, 2], k=2**32 + 10), "k should be a whole number"),
                           (lambda: self.client.count(None), "the name should be a text"),
                           (lambda: self.client.search("a", [1, 2], with_payload=True), "no option 'with_payload'; there are recall"),
                           (lambda: self.client.search("a", [1, 2], exact="yes"), "exact should be True or False, not 'yes'")):
            with self.assertRaisesRegex(kith.KithError, said):
                call()


if __name__ == "__main__":
    unittest.main()
