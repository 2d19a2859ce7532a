"""Tests the Python client with a real server, and compares its answers with those of NumPy."""

import contextlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import unittest
import uuid

try:
    import numpy
except ImportError:
    print("skipped: NumPy is missing (apt-get install python3-numpy)")
    sys.exit(77)

import kith
from kith import wire
from kithd import Server

SERVER = None


def setUpModule() -> None:
    global SERVER
    SERVER = Server()


def tearDownModule() -> None:
    SERVER.stop()


class ServerTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = kith.Client("127.0.0.1", SERVER.port)
        self.name = "test_" + self._testMethodName[5:60]
        self.addCleanup(self.client.close)

    def fails(self, code, call, /, *arguments, **options) -> str:
        with self.assertRaises(kith.KithError) as caught:
            call(*arguments, **options)
        self.assertEqual(caught.exception.code, code, str(caught.exception))
        self.assertTrue(str(caught.exception))
        return str(caught.exception)


class Collections(ServerTest):
    def test_a_collection_is_made_listed_described_and_dropped(self) -> None:
        self.client.create(self.name, dim=8, metric="ip", m=24, ef_construct=150)
        found = [c for c in self.client.list() if c.name == self.name]
        self.assertEqual((found[0].dim, found[0].metric, found[0].m, found[0].ef_construct), (8, "ip", 24, 150))
        self.assertEqual((found[0].code, found[0].refine, found[0].refine_k, found[0].links), ("auto", "auto", 0, "auto"))
        info = self.client.info(self.name)
        self.assertEqual((info.collection, info.points), (found[0], 0))
        self.fails(kith.Code.ALREADY_EXISTS, self.client.create, self.name, dim=8, metric="ip")
        self.client.drop(self.name)
        self.assertNotIn(self.name, [c.name for c in self.client.list()])
        for call in (self.client.drop, self.client.info, self.client.count):
            self.assertIn(self.name, self.fails(kith.Code.NOT_FOUND, call, self.name))

    def test_how_the_index_is_made_can_be_said_and_nonsense_is_refused(self) -> None:
        self.client.create(self.name, dim=8, code="rabitq3", refine="f16", refine_k=2.5, links="packed")
        found = self.client.info(self.name).collection
        self.assertEqual((found.code, found.refine, found.refine_k, found.links), ("rabitq3", "f16", 2.5, "packed"))
        other = self.name + "_other"
        for options in ({"code": "f32", "refine": "f16"}, {"refine_k": 0.5}, {"refine": "none", "refine_k": 2}, {"m": 257}):
            self.fails(kith.Code.INVALID_ARGUMENT, self.client.create, other, dim=8, **options)
        for options in ({"code": "rabitq9"}, {"code": "pq"}, {"refine": "sq8"}, {"links": "short"}):
            self.fails(kith.Code.INVALID_ARGUMENT, self.client.create, other, dim=8, **options)

    def test_the_server_says_what_it_is(self) -> None:
        self.client.ping()
        self.assertTrue(self.client.server.startswith("kithd "))
        self.assertGreater(self.client.requests_max, 0)
        self.assertGreater(self.client.reactors, 0)


class Points(ServerTest):
    def test_points_come_back_as_they_were_stored(self) -> None:
        rows = numpy.random.default_rng(1).random((50, 7), dtype=numpy.float32)
        ids = [i if i % 2 else uuid.UUID(int=(i + 1) << 64 | i) for i in range(50)]
        payloads = [{"n": i, "text": "gr\u00fc\u00df", "deep": [{"a": None}]} if i % 3 else None for i in range(50)]
        self.client.create(self.name, dim=7, metric="l2")
        self.assertEqual(self.client.upsert(self.name, ids, rows, payloads), 50)
        self.assertEqual(self.client.count(self.name), 50)
        points = self.client.get(self.name, [ids[3], 12345, ids[2], ids[49]])
        self.assertEqual([p.id for p in points], [ids[3], ids[2], ids[49]])
        for point, i in zip(points, (3, 2, 49)):
            numpy.testing.assert_array_equal(point.vector, rows[i])
            self.assertEqual(point.payload, payloads[i])
        self.assertEqual(self.client.delete(self.name, [ids[3], ids[4], 12345]), 2)
        self.assertEqual(self.client.count(self.name), 48)
        self.assertEqual(self.client.get(self.name, [ids[3]]), [])

    def test_an_upsert_replaces(self) -> None:
        self.client.create(self.name, dim=2, metric="l2")
        self.client.upsert(self.name, [2**63, 5], [[1, 1], [2, 2]], [{"v": 1}, {"v": 1}])
        self.client.upsert(self.name, [2**63], [[9, 9]], [{"v": 2}])
        point = self.client.get(self.name, [2**63])[0]
        self.assertEqual((point.vector.tolist(), point.payload), ([9.0, 9.0], {"v": 2}))
        self.assertEqual(self.client.count(self.name), 2)

    def test_a_large_upsert_goes_in_several_requests(self) -> None:
        rows = numpy.random.default_rng(2).random((20000, 256), dtype=numpy.float32)  # 20 MB
        self.client.create(self.name, dim=256, metric="l2", durability="none")
        self.assertEqual(self.client.upsert(self.name, numpy.arange(20000), rows), 20000)
        self.assertEqual(self.client.count(self.name), 20000)
        numpy.testing.assert_array_equal(self.client.get(self.name, [19999])[0].vector, rows[19999])
        self.client.drop(self.name)

    def test_an_id_that_is_twice_has_its_last_row_however_far_apart(self) -> None:
        n = 6000  # of 4 KiB: six requests
        rows = numpy.zeros((n, 1024), "f4")
        rows[:, 0] = numpy.arange(n)
        self.client.create(self.name, dim=1024, metric="l2")
        self.client.upsert(self.name, [i % 50 for i in range(n)], rows)
        self.assertEqual([int(p.vector[0]) for p in self.client.get(self.name, range(50))], list(range(n - 50, n)))

    def test_long_payloads_are_cut_into_requests(self) -> None:
        self.client.create(self.name, dim=2, metric="l2")
        payloads = ["x" * 40_000] * 3000  # 120 MB, two vectors' bytes beside them
        self.assertEqual(self.client.upsert(self.name, range(3000), numpy.ones((3000, 2)), payloads), 3000)
        self.assertEqual(self.client.get(self.name, [2999])[0].payload, payloads[0])

    def test_a_payload_of_exactly_the_limit_goes_and_a_byte_more_is_refused(self) -> None:
        limit = 16 << 20
        self.client.create(self.name, dim=2, metric="l2")
        self.client.upsert(self.name, [1], [[1, 2]], [b"x" * limit])
        self.assertEqual(self.client.get(self.name, [1])[0].payload, b"x" * limit)
        said = self.fails(kith.Code.INVALID_ARGUMENT, self.client.upsert, self.name, [2], [[1, 2]], [b"x" * (limit + 1)])
        self.assertIn(str(limit + 1), said)
        self.fails(kith.Code.INVALID_ARGUMENT, self.client.upsert, self.name, [2], [[1, 2]], [b"x" * (300 << 20)])
        self.assertEqual(self.client.count(self.name), 1)

    def test_payloads_come_back_whatever_they_are(self) -> None:
        payloads = [{}, [], "", 0, False, 1e300, 2**70, 0.1, "nul \0", "half \ud800", b"\xff\x00 no JSON", [None, {"b": 1, "a": 2}], None]
        self.client.create(self.name, dim=1, metric="l2")
        self.client.upsert(self.name, range(len(payloads)), numpy.ones((len(payloads), 1)), payloads)
        self.assertEqual([p.payload for p in self.client.get(self.name, range(len(payloads)))], payloads)

    def test_a_payload_that_is_no_json_is_named_and_the_client_goes_on(self) -> None:
        self.client.create(self.name, dim=1024, metric="l2")
        for wrong in (float("nan"), {1, 2}, object()):
            payloads = [None] * 3000
            payloads[2500] = {"price": wrong}  # in the third request
            said = self.fails(kith.Code.INVALID_ARGUMENT, self.client.upsert, self.name, range(3000), numpy.zeros((3000, 1024)), payloads)
            self.assertIn("payload 2500", said)
            self.assertEqual(self.client.count(self.name), 2048)  # the two before it

    def test_an_interrupted_call_leaves_a_good_client(self) -> None:
        self.client.create(self.name, dim=2, metric="l2")
        receive = self.client._connection.receive

        def interrupted():
            self.client._connection.receive = receive
            raise KeyboardInterrupt

        for call in (lambda: self.client.count(self.name), lambda: self.client.search(self.name, [1, 2])):
            self.client._connection.receive = interrupted
            self.assertRaises(KeyboardInterrupt, call)
            self.assertEqual(self.client.count(self.name), 0)

    def test_ids_at_their_edges_come_back(self) -> None:
        numbers = [0, 1, 2**63 - 1, 2**63, 2**64 - 1]
        ids = numbers + [uuid.UUID(int=n) for n in numbers] + [uuid.UUID(int=2**64), uuid.UUID(int=2**128 - 1)]
        rows = numpy.arange(len(ids), dtype="f4").reshape(-1, 1)
        self.client.create(self.name, dim=1, metric="l2")
        for i, row in zip(ids, rows):
            self.client.upsert(self.name, [i], [row])
        self.assertEqual(self.client.count(self.name), len(ids))
        for some in (ids, ids[:5], ids[5:10], ids[5:], ids[::-1]):
            self.assertEqual([p.id for p in self.client.get(self.name, some)], some)
        self.assertEqual([self.client.search(self.name, row, k=1).ids[0] for row in rows], ids)
        self.assertEqual(sorted(map(repr, self.client.search(self.name, rows[0], k=20).ids)), sorted(map(repr, ids)))
        self.assertEqual(self.client.delete(self.name, numbers + numbers), 5)
        self.assertEqual([p.id for p in self.client.get(self.name, ids)], ids[5:])
        self.fails(kith.Code.INVALID_ARGUMENT, self.client.delete, self.name, [uuid.UUID(int=0x4B49544855550000 << 64 | 7)])
        self.assertEqual(self.client.delete(self.name, ids), len(ids) - 5)

    def test_no_points_and_very_many(self) -> None:
        self.client.create(self.name, dim=2, metric="l2")
        for nothing in ([], numpy.zeros((0, 2))):
            self.assertEqual(self.client.upsert(self.name, [], nothing), 0)
        self.assertEqual((self.client.get(self.name, []), self.client.delete(self.name, [])), ([], 0))
        ids = numpy.arange(250_000)
        self.client.upsert(self.name, ids, numpy.ones((len(ids), 2), "f4"))
        self.assertEqual([p.id for p in self.client.get(self.name, ids[:2500])], list(range(2500)))
        self.assertEqual(self.client.delete(self.name, range(1_200_000)), 250_000)

    def test_ids_and_payloads_of_any_kind_of_list(self) -> None:
        self.client.create(self.name, dim=2, metric="l2")
        rows = [[1, 2], [3, 4]]
        for ids in ((1, 2), {1: 0, 2: 0}.keys(), {1, 2}, iter([1, 2]), numpy.array([1, 2], "u1"), range(1, 3)):
            self.assertEqual(self.client.upsert(self.name, ids, rows, iter([{"a": 1}, None])), 2)
        self.assertEqual([p.payload for p in self.client.get(self.name, iter([1, 2]))], [{"a": 1}, None])
        invalid = kith.Code.INVALID_ARGUMENT
        for ids in ("12", 1, {1: 0, 2: 0}, numpy.array([[1], [2]]), None):
            self.fails(invalid, self.client.upsert, self.name, ids, rows)
            self.fails(invalid, self.client.delete, self.name, ids)
        for payloads in ("ab", {"a": 1, "b": 2}, b"ab"):
            self.fails(invalid, self.client.upsert, self.name, [1, 2], rows, payloads)
        for wrong in ([[1, 2], [3]], [["a", "b"]] * 2, numpy.array([[1j, 2]] * 2), None):
            self.fails(invalid, self.client.upsert, self.name, [1, 2], wrong)
        self.assertEqual(self.client.count(self.name), 2)

    def test_a_name_is_not_taken_for_the_part_before_its_zero(self) -> None:
        self.client.create(self.name, dim=2, metric="l2")
        for call in (self.client.count, self.client.drop):
            self.fails(kith.Code.INVALID_ARGUMENT, call, self.name + "\0x")
        self.fails(kith.Code.INVALID_ARGUMENT, self.client.create, "half\ud800", 2)
        self.assertEqual(self.client.count(self.name), 0)

    def test_numbers_that_no_field_has_are_refused(self) -> None:
        self.client.create(self.name, dim=2, metric="l2")
        for options in ({"k": -1}, {"ef": -5}, {"k": 2**64}):
            self.fails(kith.Code.INVALID_ARGUMENT, self.client.search, self.name, [1, 2], **options)
        self.assertEqual(self.client.count(self.name), 0)

    def test_wrong_points_are_refused_and_the_connection_goes_on(self) -> None:
        self.client.create(self.name, dim=3, metric="l2")
        invalid = kith.Code.INVALID_ARGUMENT
        self.fails(invalid, self.client.upsert, self.name, [1], [[1, 2]])
        self.fails(invalid, self.client.upsert, self.name, [1, 2], [[1, 2, 3]])
        self.fails(invalid, self.client.upsert, self.name, [-1], [[1, 2, 3]])
        self.fails(invalid, self.client.upsert, self.name, ["1"], [[1, 2, 3]])
        self.fails(invalid, self.client.upsert, self.name, [1], [[1, 2, float("nan")]])
        self.fails(kith.Code.NOT_FOUND, self.client.upsert, "nowhere", [1], [[1, 2, 3]])
        self.assertEqual(self.client.count(self.name), 0)


class Search(ServerTest):
    @classmethod
    def setUpClass(cls) -> None:
        random = numpy.random.default_rng(3)
        cls.rows = random.standard_normal((2000, 24)).astype(numpy.float32)
        cls.queries = random.standard_normal((30, 24)).astype(numpy.float32)
        with kith.Client("127.0.0.1", SERVER.port) as client:
            for metric in ("l2", "ip", "cosine"):
                client.create("search_" + metric, dim=24, metric=metric)
                client.upsert("search_" + metric, range(2000), cls.rows, [{"n": i} for i in range(2000)])

    def truth(self, metric: str, query: numpy.ndarray, k: int):
        if metric == "l2":
            scores = ((self.rows - query) ** 2).sum(axis=1)
            order = numpy.argsort(scores)
        else:
            scores = self.rows @ query
            if metric == "cosine":
                scores = scores / numpy.linalg.norm(self.rows, axis=1) / numpy.linalg.norm(query)
            order = numpy.argsort(-scores)
        return order[:k].tolist(), scores[order[:k]]

    def test_exact_search_agrees_with_numpy_in_every_metric(self) -> None:
        for metric in ("l2", "ip", "cosine"):
            answers = self.client.search("search_" + metric, self.queries, k=10, exact=True)
            self.assertEqual(len(answers), 30)
            for query, hits in zip(self.queries, answers):
                ids, scores = self.truth(metric, query, 10)
                self.assertEqual(hits.ids, ids, metric)
                numpy.testing.assert_allclose(hits.scores, scores, rtol=1e-4, atol=1e-5)

    def test_approximate_search_finds_nearly_all(self) -> None:
        for metric in ("l2", "ip", "cosine"):
            found = 0
            for query, hits in zip(self.queries, self.client.search_many("search_" + metric, self.queries, k=10, ef=200)):
                found += len(set(hits.ids) & set(self.truth(metric, query, 10)[0]))
            self.assertGreaterEqual(found, 285, metric)  # of 300

    def test_a_recall_is_asked_for_and_found(self) -> None:
        for metric in ("l2", "ip", "cosine"):
            for recall in (0.9, 0.98, 1):
                found = 0
                for query, hits in zip(self.queries, self.client.search("search_" + metric, self.queries, k=10, recall=recall)):
                    found += len(set(hits.ids) & set(self.truth(metric, query, 10)[0]))
                self.assertGreaterEqual(found / 300, recall - 0.02 if recall < 1 else 1, metric)
        for wrong in (0, 1.5, -1, float("nan")):
            with self.assertRaises(kith.KithError) as caught:
                self.client.search("search_l2", self.queries, recall=wrong)
            self.assertIn("above 0 and at most 1", str(caught.exception))

    def test_vectors_and_payloads_come_along(self) -> None:
        hits = self.client.search("search_l2", self.rows[77], k=3, with_vectors=True, with_payloads=True)
        self.assertEqual(len(hits), 3)
        self.assertEqual(hits.ids[0], 77)
        self.assertAlmostEqual(float(hits.scores[0]), 0.0, places=4)
        for i, vector, payload in zip(hits.ids, hits.vectors, hits.payloads):
            numpy.testing.assert_array_equal(vector, self.rows[i])
            self.assertEqual(payload, {"n": i})
        self.assertEqual(hits.numbers.dtype, numpy.uint64)

    def test_hits_are_a_sequence_of_pairs(self) -> None:
        hits = self.client.search("search_l2", self.rows[77], k=4)
        pairs = [(i, s) for i, s in hits]
        self.assertEqual(pairs, list(zip(hits.ids, hits.scores.tolist())))
        self.assertEqual((hits[0], hits[-1], hits[1:3], len(hits)), (pairs[0], pairs[3], pairs[1:3], 4))
        self.assertRaises(IndexError, lambda: hits[4])
        self.assertIn(pairs[2], hits)
        self.assertEqual(dict(hits)[77], pairs[0][1])

    def test_a_query_without_a_direction_is_refused_under_cosine_only(self) -> None:
        zero = numpy.zeros((2, 24))
        zero[0] = 1
        said = self.fails(kith.Code.INVALID_ARGUMENT, self.client.search, "search_cosine", zero)
        self.assertIn("query 1 has length zero", said)
        self.assertIn("query 0 has length zero", self.fails(kith.Code.INVALID_ARGUMENT, self.client.search, "search_cosine", zero[1], exact=True))
        for metric in ("l2", "ip"):
            self.assertEqual(len(self.client.search("search_" + metric, zero[1], k=3)), 3)

    def test_a_wrong_dimension_is_said_in_numbers(self) -> None:
        for n in (1, 23, 25, 48):
            said = self.fails(kith.Code.INVALID_ARGUMENT, self.client.search, "search_l2", numpy.ones(n))
            self.assertIn("1 dimension;" if n == 1 else f"{n} dimensions", said)
            self.assertIn("has 24", said)
            self.fails(kith.Code.INVALID_ARGUMENT, lambda n=n: list(self.client.search_many("search_l2", numpy.ones((2, n)))))
            said = self.fails(kith.Code.INVALID_ARGUMENT, self.client.upsert, "search_l2", [1, 2], numpy.ones((2, n)))
            self.assertRegex(said, f"have {n} dimensions?; collection 'search_l2' has 24")

    def test_many_in_flight_answer_in_the_order_asked(self) -> None:
        hits = list(self.client.search_many("search_l2", self.rows[:300], k=1, in_flight=64, exact=True))
        self.assertEqual([h.ids[0] for h in hits], list(range(300)))

    def test_leaving_search_many_early_leaves_a_good_connection(self) -> None:
        for hits in self.client.search_many("search_l2", self.rows[:100], k=1, in_flight=32):
            break
        del hits
        self.client.ping()
        self.fails(kith.Code.NOT_FOUND, lambda: list(self.client.search_many("nowhere", self.rows[:100])))
        self.client.ping()

    def test_the_answer_is_the_same_however_many_cores_work_on_it(self) -> None:
        for query in self.queries[:5]:
            for fan_out in ("", "auto", "1", "all"):
                hits = self.client.search("search_l2", query, k=10, exact=True, fan_out=fan_out)
                self.assertEqual(hits.ids, self.truth("l2", query, 10)[0], fan_out)
        said = self.fails(kith.Code.INVALID_ARGUMENT, self.client.search, "search_l2", self.queries[0], fan_out="2")
        self.assertIn("auto, 1, all", said)

    def test_a_wrong_search_is_refused(self) -> None:
        self.fails(kith.Code.INVALID_ARGUMENT, self.client.search, "search_l2", [1.0, 2.0])
        self.fails(kith.Code.NOT_FOUND, self.client.search, "nowhere", self.queries[0])
        self.assertEqual(len(self.client.search("search_l2", self.queries[0], k=5)), 5)


class Connections(unittest.TestCase):
    def test_equal_points_come_by_id_however_they_are_asked_for(self) -> None:
        draw = numpy.random.default_rng(5)
        rows = numpy.repeat(draw.standard_normal((10, 8)).astype("f4"), 40, 0)
        rows *= 2.0 ** draw.integers(-3, 4, (400, 1)).astype("f4")  # other lengths of the same directions: equal for cosine
        ids = draw.permutation(400)
        with kith.Client("127.0.0.1", SERVER.port) as client:
            client.create("ties", dim=8, metric="cosine")
            client.upsert("ties", ids.tolist(), rows)
            for _ in range(2):
                for group in range(10):
                    expected = sorted(ids[group * 40 : group * 40 + 40].tolist())
                    for options in ({"fan_out": "1"}, {"fan_out": "all"}, {"exact": True}, {"recall": 0.99}, {"ef": 100}):
                        for k in (1, 10, 40):
                            hits = client.search("ties", rows[group * 40 + 7], k=k, **options)
                            self.assertEqual(list(hits.ids), expected[:k], f"{options}")
                client.seal("ties")
            client.drop("ties")

    def test_errors_name_rows_of_the_whole_array(self) -> None:
        with kith.Client("127.0.0.1", SERVER.port) as client:
            client.create("whole", dim=1024)
            rows = numpy.ones((3000, 1024), "f4")
            rows[2345] = 0
            with self.assertRaisesRegex(kith.KithError, "row 2345 .* length zero"):
                client.upsert("whole", range(3000), rows)
            with self.assertRaisesRegex(kith.KithError, "query 2345 has length zero"):
                for _ in client.search_many("whole", rows):
                    pass
            client.drop("whole")

    def test_a_client_connects_again(self) -> None:
        with kith.Client("127.0.0.1", SERVER.port) as client, kith.Client("127.0.0.1", SERVER.port) as other:
            client.create("again", dim=2)
            client.close()
            self.assertRaises(kith.KithError, client.ping)
            for _ in range(3):
                client.reconnect()
                self.assertEqual(client.upsert("again", [1], [[1, 2]]), 1)
            other.ping()
            client.drop("again")

    def test_a_server_that_is_not_there_is_named(self) -> None:
        with self.assertRaises(kith.KithError) as caught:
            kith.Client("127.0.0.1", 1)
        self.assertEqual(caught.exception.code, kith.Code.REFUSED)
        self.assertIn("127.0.0.1 port 1", str(caught.exception))

    def test_a_client_waits_for_a_server_that_starts(self) -> None:
        server = Server()
        self.addCleanup(server.stop)
        server.end()
        late = threading.Timer(0.5, server.start)
        late.start()
        with kith.Client("127.0.0.1", server.port, timeout=30) as client:
            client.create("late", dim=1)
        late.join()
        with self.assertRaises(kith.KithError):
            kith.Client("127.0.0.1", 1, timeout=0.1)

    def test_a_client_has_no_use_for_low_descriptors(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < 1200:
            self.skipTest("the hard limit of open files is below 1200")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with contextlib.ExitStack() as files:
            for _ in range(1100):
                files.enter_context(open(os.devnull))
            with kith.Client("127.0.0.1", SERVER.port) as client:
                client.ping()

    def test_what_was_acknowledged_is_there_after_a_crash(self) -> None:
        server = Server()
        self.addCleanup(server.stop)
        client = kith.Client("127.0.0.1", server.port)
        client.create("durable", dim=4, metric="l2")
        client.upsert("durable", range(100), numpy.eye(4, dtype=numpy.float32)[numpy.arange(100) % 4], [{"n": i} for i in range(100)])
        server.kill()
        with self.assertRaises(kith.KithError) as caught:
            client.ping()
        self.assertEqual(caught.exception.code, kith.Code.DISCONNECTED)
        client.close()
        server.start()
        with kith.Client("127.0.0.1", server.port) as client:
            self.assertEqual(client.count("durable"), 100)
            self.assertEqual(client.get("durable", [99])[0].payload, {"n": 99})


class Busy(unittest.TestCase):
    def test_a_busy_server_says_when_to_come_again(self) -> None:
        server = Server("--set", "admission.queue_ms=1")
        self.addCleanup(server.stop)
        rows = numpy.random.default_rng(4).random((20000, 256), dtype=numpy.float32)
        with kith.Client("127.0.0.1", server.port) as client:
            client.create("a", dim=256, metric="l2")
            client.upsert("a", range(len(rows)), rows)
            with self.assertRaises(kith.KithError) as caught:
                list(client.search_many("a", rows[:1000], k=5, in_flight=200, exact=True))
            self.assertEqual(caught.exception.code, kith.Code.RESOURCE_EXHAUSTED, str(caught.exception))
            self.assertGreater(caught.exception.retry_after_ms, 0)
            self.assertIn(f"repeat it in {caught.exception.retry_after_ms} ms", str(caught.exception))
            with self.assertRaises(kith.KithError) as caught:
                client.count("nothing")
            self.assertIsNone(caught.exception.retry_after_ms)


class SmallServer(unittest.TestCase):
    def test_requests_are_cut_where_the_server_has_little_memory(self) -> None:
        server = Server("--memory", "64MiB", "--reactors", "2", "--no-pin")
        self.addCleanup(server.stop)
        rows = numpy.random.default_rng(5).random((2000, 768), dtype=numpy.float32)
        with kith.Client("127.0.0.1", server.port) as client:
            client.create("a", dim=768, metric="l2")
            self.assertEqual(client.upsert("a", range(len(rows)), rows), len(rows))
            points = client.get("a", range(len(rows)))
            self.assertEqual([p.id for p in points], list(range(len(rows))))
            self.assertTrue(all(numpy.array_equal(p.vector, rows[p.id]) for p in points))
            with self.assertRaises(kith.KithError) as caught:  # the sentence says how many go
                client.search("a", rows[:1000], k=1000)
            said = re.search(r"needs \d+ MiB, and one request may have .* MiB here: send at most (\d+) queries at once", str(caught.exception))
            self.assertTrue(said, str(caught.exception))
            self.assertEqual(len(client.search("a", rows[: int(said.group(1)) // 2], k=1000)), int(said.group(1)) // 2)

    def test_a_point_that_can_never_be_taken_is_refused_at_once(self) -> None:
        server = Server("--memory", "64MiB", "--reactors", "2", "--no-pin")
        self.addCleanup(server.stop)
        payloads = [{"n": 0}, {"text": "x" * (6 << 20)}, {"n": 2}]
        with kith.Client("127.0.0.1", server.port) as client, tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            client.create("a", dim=2, metric="l2")
            with self.assertRaises(kith.KithError) as caught:
                client.upsert("a", range(3), [[0, 0], [1, 1], [2, 2]], payloads)
            self.assertEqual(caught.exception.code, kith.Code.TOO_LARGE, str(caught.exception))
            self.assertRegex(str(caught.exception), r"has 6\.0 MiB, but the limit is 4\.0 MiB")
            for i, payload in enumerate(payloads):
                file.write(json.dumps({"id": i, "vector": [i, i], "payload": payload}) + "\n")
            file.flush()
            command = [os.environ["KITH"], "import", "a", file.name]
            environment = dict(os.environ, KITH_SERVER=f"127.0.0.1:{server.port}")
            run = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
            self.assertNotEqual(run.returncode, 0)
            self.assertRegex(run.stderr, r"the limit is 4\.0 MiB")
            self.assertEqual([p.id for p in client.get("a", range(3))], [0, 2])


class Wire(unittest.TestCase):
    """Tests the codec alone: the least and greatest numbers, and bytes that are no message."""

    def test_varints_survive(self) -> None:
        for n in (0, 1, 127, 128, 300, 2**32, 2**63, 2**64 - 1):
            self.assertEqual(wire.read_varint(memoryview(wire.varint(n)), 0), (n, len(wire.varint(n))))

    def test_bytes_that_are_no_message_are_an_error(self) -> None:
        for data in (b"\x0a", b"\x0a\x05abc", b"\x08", b"\x08" + b"\xff" * 11, b"\x0b", b"\x09\x00"):
            with self.assertRaises(kith.KithError, msg=repr(data)):
                wire.Message(data)

    def test_fields_are_read_packed_or_not(self) -> None:
        self.assertEqual(wire.Message(b"\x08\x01\x0a\x02\x02\x03").varints(1), [1, 2, 3])
        self.assertEqual(wire.Message(wire.field_bytes(2, numpy.array([5, 6], "<u8").tobytes())).column(2, "<u8").tolist(), [5, 6])


if __name__ == "__main__":
    unittest.main()
