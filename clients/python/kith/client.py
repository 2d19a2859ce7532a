"""The class Client: one connection to a server, with a method for each operation."""

import json
import os
import time
import uuid
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, TypeVar, Union

import numpy

from . import arguments, filters, wire
from .connection import Connection, Reply
from .errors import Code, KithError
from .parts import Part, halves, parts
from .results import Collection, CollectionInfo, Damage, Hits, Point, PointId, RecallRung, Segment, Setting, Snapshot, Verified

T = TypeVar("T")
METRICS = {"l2": 1, "ip": 2, "cosine": 3}
SETTING_SOURCES = {"default": 0, "set": 1, "option": 2}
SEGMENT_STATES = {"growing": 0, "frozen": 1, "sealed": 2}
CODES = {"auto": 0, "f32": 1, "f16": 2, "bf16": 3, "sq8": 4, "sq4": 5, "rabitq": 6}
REFINES = {"auto": 0, "none": 1, "f32": 2, "f16": 3, "bf16": 4}
LINKS = {"auto": 0, "plain": 1, "packed": 2}
FAN_OUTS = {"auto": 1, "1": 2, "all": 3}
DURABILITIES = {"flush": 1, "interval": 2, "none": 3}
UPSERTS_IN_FLIGHT = 4
GET_IDS = 1000  # for each request; an answer has vectors and payloads
DELETE_IDS = 100_000
TIMEOUT_MAX_S = 1_000_000  # poll() counts milliseconds in 32 bits


def _named(names: dict, name: str, what: str) -> int:
    if not isinstance(name, str) or name not in names:
        raise KithError(Code.INVALID_ARGUMENT, f"{what} is one of {', '.join(names)}, not {name!r}")
    return names[name]


def _code(text: str) -> Tuple[int, int]:
    """A code and its bits: "rabitq4" is rabitq with 4 bits."""
    if isinstance(text, str) and text[:6] == "rabitq" and text[6:] in tuple("12345678"):
        return CODES["rabitq"], int(text[6:])
    return _named(CODES, text, "code"), 0


def _code_text(kind: int, bits: int) -> str:
    return _name_of(CODES, kind) + (str(bits) if bits else "")


def _name_of(names: dict, number: int) -> str:
    return next((name for name, n in names.items() if n == number), "?")


SEARCH_OPTIONS = ("recall", "ef", "refine_k", "fan_out", "exact", "with_vectors", "with_payloads", "deadline_ms", "filter")


def _options_check(options: dict) -> None:
    for name in options:
        if name not in SEARCH_OPTIONS:
            raise KithError(Code.INVALID_ARGUMENT, f"a search has no option {name!r}; there are {', '.join(SEARCH_OPTIONS)}")


def _rows(vectors: Any, what: str) -> numpy.ndarray:
    try:
        if numpy.iscomplexobj(vectors):
            raise ValueError("the numbers are complex")
        # a number that is too large becomes an infinity, which the server refuses by name
        with numpy.errstate(over="ignore"):
            rows = numpy.ascontiguousarray(vectors, dtype="<f4")
    except (TypeError, ValueError, OverflowError) as e:
        raise KithError(Code.INVALID_ARGUMENT, f"{what} should be an array of rows of numbers: {e}") from e
    if rows.ndim == 1:
        rows = rows.reshape(1, -1)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise KithError(Code.INVALID_ARGUMENT, f"{what} should be an array of rows, not of shape {rows.shape}")
    return rows


def _listed(values: Any, what: str) -> Any:
    """A sequence with a length and slices; a set or a generator, for example, becomes a list."""
    if isinstance(values, (str, bytes, dict)) or not hasattr(values, "__iter__") or getattr(values, "ndim", 1) != 1:
        raise KithError(Code.INVALID_ARGUMENT, f"{what} should be a list, one a point, not {type(values).__name__}")
    return values if isinstance(values, (list, tuple, range, numpy.ndarray)) else list(values)


def _ids_message(ids: Sequence[PointId]) -> bytes:
    if isinstance(ids, numpy.ndarray) and ids.dtype.kind in "iu":
        if ids.dtype.kind == "i" and ids.size and ids.min() < 0:
            raise KithError(Code.INVALID_ARGUMENT, "ids are not negative")
        return wire.field_bytes(1, ids.astype("<u8").tobytes())
    if any(isinstance(i, uuid.UUID) for i in ids):
        return wire.field_bytes(2, b"".join(_id_bytes(i) for i in ids))
    if any(isinstance(i, bool) or not isinstance(i, (int, numpy.integer)) or not 0 <= i < 1 << 64 for i in ids):
        raise KithError(Code.INVALID_ARGUMENT, "an id is a number from 0 to 2**64 - 1 or a uuid.UUID")
    return wire.field_bytes(1, numpy.array([int(i) for i in ids], dtype="<u8").tobytes())


# upper half of a number in a list with UUIDs; no UUID may begin with it
_PREFIX = 0x4B49544855550000


def _id_bytes(i: PointId) -> bytes:
    if isinstance(i, uuid.UUID):
        if i.int >> 64 == _PREFIX:
            raise KithError(Code.INVALID_ARGUMENT, f"the UUID {i} begins with {_PREFIX:016x}, which is kept for numbers")
        return i.bytes
    if isinstance(i, bool) or not isinstance(i, (int, numpy.integer)) or not 0 <= i < 1 << 64:
        raise KithError(Code.INVALID_ARGUMENT, "an id is a number from 0 to 2**64 - 1 or a uuid.UUID")
    return (_PREFIX << 64 | int(i)).to_bytes(16, "big")


class Client:
    """One connection to a server. For one thread at a time; a context manager.

    timeout is the longest time in seconds that the client waits for a silent server (None: for
    ever). The client also waits so long for a server that is starting, which may refuse the
    connection for a few seconds, and requests while it reads its data. host may include the port:
    "127.0.0.1:7700", "[::1]:7700". The default port is 7700.
    """

    def __init__(self, host: str = "127.0.0.1", port: Optional[int] = None, timeout: Optional[float] = 60.0):
        self._host, self._port = arguments.address(host, port)
        self._timeout = timeout if timeout is None else arguments.real(timeout, "timeout")
        if self._timeout is not None and not 0 < self._timeout <= TIMEOUT_MAX_S:
            raise arguments.wrong("timeout", f"seconds, above 0 and up to {TIMEOUT_MAX_S}, or None", timeout)
        self._client_id = os.urandom(16)  # identifies this client when it connects again
        self._connections = 0
        self._connect()

    def _connect(self) -> None:
        self._connection = Connection(self._host, self._port, self._timeout)
        meta = (
            wire.field_number(1, wire.VERSION)
            + wire.field_number(2, wire.VERSION)
            + wire.field_bytes(3, "kith-python 0.1.0")
            + wire.field_bytes(4, self._client_id)
            + wire.field_number(5, self._connections)
        )
        self._connections += 1
        try:
            hello = wire.Message(self._call(wire.OP_HELLO, meta).meta)
            if hello.number(1) != wire.VERSION:
                raise KithError(Code.VERSION, f"the server speaks version {hello.number(1)}, this client version {wire.VERSION}")
        except KithError:
            self._connection.close()
            raise
        self.server: str = hello.text(2)
        self.requests_max: int = hello.number(4)
        self.reactors: int = hello.number(5)
        self._connection.frame_bytes_max = hello.number(3)
        # whether a request was answered; before that the server may be starting
        self._served = False

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def reconnect(self) -> None:
        """Connects again, whatever the state of the connection.

        Requests in flight may have been carried out or not. When this returns, none of them is
        still being carried out. So later writes are newer, and may repeat unanswered ones.
        """
        self._connection.close()
        self._connect()

    # -- collections --

    def ping(self) -> None:
        self._call(wire.OP_PING, b"")

    def create(
        self,
        name: str,
        dim: int,
        metric: str = "cosine",
        durability: str = "flush",
        m: int = 0,
        ef_construct: int = 0,
        slots: int = 0,
        code: str = "auto",
        refine: str = "auto",
        refine_k: float = 0,
        links: str = "auto",
        index: str = "auto",
    ) -> None:
        """Creates a collection. 0 and "auto" leave the choice to the server.

        code is f32, f16, bf16, sq8, sq4, rabitq or rabitq1 to rabitq8. refine is none, f32, f16 or
        bf16; it scores refine_k times k candidates again. links is plain or packed. index is hnsw,
        a graph, or flat, which compares all vectors and so is exact.
        """
        kind, bits = _code(code)
        collection = (
            wire.field_bytes(1, arguments.text(name, "the name"))
            + wire.field_number(2, arguments.whole(dim, "dim"))
            + wire.field_number(3, _named(METRICS, metric, "metric"))
            + wire.field_number(4, _named(DURABILITIES, durability, "durability"))
            + wire.field_number(5, arguments.whole(m, "m"))
            + wire.field_number(6, arguments.whole(ef_construct, "ef_construct"))
            + wire.field_number(7, arguments.whole(slots, "slots"))
            + wire.field_number(9, kind)
            + wire.field_number(10, bits)
            + wire.field_number(11, _named(REFINES, refine, "refine"))
            + wire.field_float(12, arguments.real(refine_k, "refine_k"))
            + wire.field_number(13, _named(LINKS, links, "links"))
            + wire.field_bytes(17, arguments.text(index, "the index"))
        )
        self._call(wire.OP_CREATE, wire.field_bytes(1, collection, always=True))

    def drop(self, name: str) -> None:
        """Removes a collection with all its points."""
        self._call(wire.OP_DROP, wire.field_bytes(1, arguments.text(name, "the name")))

    def add_field(self, name: str, path: str, kind: str = "integer", version: int = 0) -> int:
        """Indexes a payload field while the collection is in use; returns the schema's version.

        path names keys of nested objects, separated by dots, like "address.city". With a version
        (of info()) the change is refused with Code.CONFLICT if the schema has another version.
        """
        field = wire.field_bytes(1, arguments.text(path, "the path")) + wire.field_bytes(3, arguments.text(kind, "the kind"))
        return self._change_schema(name, version, wire.field_bytes(3, field, always=True))

    def drop_field(self, name: str, path: str, version: int = 0) -> int:
        """Removes the index of a field; returns the schema's version. Payloads do not change."""
        return self._change_schema(name, version, wire.field_bytes(4, arguments.text(path, "the path"), always=True))

    def _change_schema(self, name: str, version: int, change: bytes) -> int:
        meta = wire.field_bytes(1, arguments.text(name, "the name")) + wire.field_number(2, arguments.whole(version, "version", 0, arguments.U64_MAX))
        return wire.Message(self._call(wire.OP_SCHEMA_CHANGE, meta + change).meta).number(14)

    def list(self) -> List[Collection]:
        return [_collection(m) for m in wire.Message(self._call(wire.OP_LIST, b"").meta).messages(1)]

    def info(self, name: str, with_segments: bool = False) -> CollectionInfo:
        m = wire.Message(self._call(wire.OP_INFO, wire.field_bytes(1, arguments.text(name, "the name")) + wire.field_number(2, arguments.flag(with_segments, "with_segments"))).meta)
        segments = [_segment(s) for s in m.messages(10)]
        return CollectionInfo(_collection(m.messages(1)[0]), *(m.number(i) for i in range(2, 10)), segments, m.text(11), m.number(12))

    def count(self, name: str) -> int:
        """The number of points of the collection."""
        return wire.Message(self._call(wire.OP_COUNT, wire.field_bytes(1, arguments.text(name, "the name"))).meta).number(1)

    def seal(self, name: str) -> None:
        """Seals the growing segments of the collection. Returns when that is done, however long it
        takes."""
        with self._connection.patience():
            self._call(wire.OP_SEAL, wire.field_bytes(1, arguments.text(name, "the name")))

    def compact(self, name: str) -> None:
        """Rewrites segments to leave out dead rows, and merges small ones. Returns when that is done,
        however long it takes."""
        with self._connection.patience():
            self._call(wire.OP_COMPACT, wire.field_bytes(1, arguments.text(name, "the name")))

    def verify(self, name: str = "", on_progress: Optional[Callable[[Verified], Any]] = None) -> Verified:
        """Makes the server check every checksum on its disk; with a name, only of that collection's
        segments.

        The result lists damage; damage raises no exception. on_progress is called about twice a
        second with the result so far.
        """
        cursor, files, done, total = b"", 0, 0, 0
        damages: List[Damage] = []
        while True:
            m = wire.Message(self._call(wire.OP_VERIFY, wire.field_bytes(1, arguments.text(name, "the name")) + wire.field_bytes(2, cursor)).meta)
            cursor = bytes(m.raw(1))
            total = total or m.number(2)
            done += m.number(3)
            files += m.number(4)
            damages += [Damage(d.text(1), d.text(2), d.number(3), d.text(4)) for d in m.messages(5)]
            result = Verified(files, done, total, list(damages))
            if on_progress:
                on_progress(result)
            if not cursor:
                return result

    # -- snapshots of all data --

    def snapshot_create(self, name: str = "") -> Snapshot:
        """Takes a snapshot while searches and writes go on. Without a name its name is the time in
        UTC."""
        return _snapshot(wire.Message(self._call(wire.OP_SNAPSHOT_CREATE, wire.field_bytes(1, arguments.text(name, "the name"))).meta))

    def snapshots(self) -> List[Snapshot]:
        return [_snapshot(m) for m in wire.Message(self._call(wire.OP_SNAPSHOT_LIST, b"").meta).messages(1)]

    def snapshot_verify(self, name: str, on_progress: Optional[Callable[[int, int], Any]] = None) -> int:
        """Makes the server read a snapshot and check its checksums; returns its bytes. KithError names
        damage.

        on_progress is called with the number of checked files and of all files.
        """
        following = total = 0
        while True:
            ask = wire.field_bytes(1, arguments.text(name, "the name")) + wire.field_number(2, following)
            m = wire.Message(self._call(wire.OP_SNAPSHOT_VERIFY, ask).meta)
            following = m.number(1)
            total += m.number(5)
            if on_progress:
                on_progress(m.number(4), m.number(3))
            if m.number(2):
                return total

    def snapshot_restore(self, name: str) -> None:
        """Replaces all data by the snapshot; everything written after it is lost. It may exceed the
        client's timeout.

        The snapshot is checked first; a damaged one is refused before anything changes.
        """
        self._call(wire.OP_SNAPSHOT_RESTORE, wire.field_bytes(1, arguments.text(name, "the name")))

    def snapshot_delete(self, name: str) -> None:
        self._call(wire.OP_SNAPSHOT_DELETE, wire.field_bytes(1, arguments.text(name, "the name")))

    # -- settings --

    def config(self) -> List[Setting]:
        """All settings with their values."""
        return [_setting(m) for m in wire.Message(self._call(wire.OP_CONFIG_GET, b"").meta).messages(1)]

    def config_get(self, name: str) -> Setting:
        return _setting(wire.Message(self._call(wire.OP_CONFIG_GET, wire.field_bytes(1, arguments.text(name, "the name"))).meta).messages(1)[0])

    def config_set(self, name: str, value: Union[str, int]) -> Setting:
        """Sets a setting like "search.ef" or "memory", for all connections and beyond a restart;
        returns the new setting."""
        meta = wire.field_bytes(1, arguments.text(name, "the name")) + wire.field_bytes(2, value if isinstance(value, str) else str(arguments.whole(value, "the value", 0, arguments.U64_MAX)))
        return _setting(wire.Message(self._call(wire.OP_CONFIG_SET, meta).meta))

    def config_reset(self, name: str) -> Setting:
        """Sets a setting back to its default."""
        return _setting(wire.Message(self._call(wire.OP_CONFIG_SET, wire.field_bytes(1, arguments.text(name, "the name")) + wire.field_number(3, 1)).meta))

    # -- points --

    def upsert(self, collection: str, ids: Sequence[PointId], vectors: Any, payloads: Optional[Sequence[Any]] = None) -> int:
        """Stores points and replaces those with the same ids. If an id occurs twice, the last counts.
        Returns the number of points.

        vectors is an array of rows. payloads has one entry for each point: a JSON value (a dict,
        for example), bytes, or None. Many points are divided into several requests, and into
        smaller ones if the server has little memory. If one fails, KithError is raised after all
        are answered, and the others are stored.
        """
        self._idle()
        arguments.text(collection, "the collection's name")
        ids = _listed(ids, "ids")
        payloads = None if payloads is None else _listed(payloads, "payloads")
        if len(ids) == 0 and len(vectors) == 0 and not payloads:
            return 0
        rows = _rows(vectors, "vectors")
        if len(ids) != len(rows) or (payloads is not None and len(payloads) != len(rows)):
            raise KithError(Code.INVALID_ARGUMENT, "ids, vectors and payloads should be equally many")
        return self._patiently(lambda: self._upsert_once(collection, ids, rows, payloads))

    def _upsert_once(self, collection: str, ids: Sequence[PointId], rows: numpy.ndarray, payloads: Optional[Sequence[Any]]) -> int:
        upsert = _Upsert(self._connection, collection, ids, rows, payloads)
        try:
            for part in parts(ids, rows.shape[1] * 4, payloads):
                upsert.start(part)
                if upsert.failure:
                    break
        finally:
            upsert.end()
        if upsert.failure:
            raise upsert.failure
        return upsert.done

    def get(self, collection: str, ids: Sequence[PointId], with_vectors: bool = True, with_payloads: bool = True) -> List[Point]:
        """The existing points, in the order of ids. Many ids are divided into several requests, and
        into smaller ones if the server has little memory."""
        ids = _listed(ids, "ids")
        points: List[Point] = []
        first, most = 0, GET_IDS
        while first < len(ids):
            some = ids[first : first + most]
            try:
                points += self._get_some(collection, some, with_vectors, with_payloads)
            except KithError as e:
                if len(some) == 1 or not _is_too_large(e):
                    raise
                most = len(some) // 2
                continue
            first += len(some)
        return points

    def _get_some(self, collection: str, ids: Sequence[PointId], with_vectors: bool, with_payloads: bool) -> List[Point]:
        meta = (
            wire.field_bytes(1, arguments.text(collection, "the collection's name"))
            + wire.field_bytes(2, _ids_message(ids), always=True)
            + wire.field_number(3, arguments.flag(with_vectors, "with_vectors"))
            + wire.field_number(4, arguments.flag(with_payloads, "with_payloads"))
        )
        found = _Columns(self._call(wire.OP_GET, meta), with_vectors, with_payloads)
        return [
            Point(
                found.ids[i],
                found.vectors[i] if found.vectors is not None else None,
                found.payloads[i] if found.payloads is not None else None,
            )
            for i in range(len(found.ids))
        ]

    def delete(self, collection: str, ids: Sequence[PointId]) -> int:
        """Removes points; returns how many of them existed. Many ids are divided into several
        requests."""
        ids = _listed(ids, "ids")
        deleted = 0
        for first in range(0, len(ids), DELETE_IDS):
            some = _ids_message(ids[first : first + DELETE_IDS])
            meta = wire.field_bytes(1, arguments.text(collection, "the collection's name")) + wire.field_bytes(2, some, always=True)
            deleted += wire.Message(self._call(wire.OP_DELETE, meta).meta).number(1)
        return deleted

    # -- search --

    def search(self, collection: str, query: Any, k: int = 10, **options: Any) -> Union[Hits, List[Hits]]:
        """The k points nearest to a query.

        One vector gives Hits. An array of rows is sent as one request and gives a list of Hits.
        Options:

          recall        the share of the k nearest to find, above 0; 1 is exact; None: the server's setting
          ef            width of the beam (candidates), instead of recall; 0: as recall requires
          refine_k      candidates to score again, as a multiple of k; 0: as each segment does
          fan_out       number of the server's cores: "auto", "1" or "all"; "": the server's setting
          exact, with_vectors, with_payloads, deadline_ms
          filter        a condition on indexed fields: {"year": {"gte": 1990, "lt": 2000}} (kith.filters)
        """
        self._idle()
        _options_check(options)
        rows = _rows(query, "query")
        reply = self._patiently(lambda: self._answer(self._search_start(collection, rows, k, 0, **options)))
        answers = _hits(reply, options)
        return answers[0] if numpy.ndim(query) == 1 else answers

    def search_many(self, collection: str, queries: Any, k: int = 10, in_flight: int = 32, **options: Any) -> Iterator[Hits]:
        """Searches each row separately, with many requests in flight; yields Hits in the order of the
        rows.

        All answers are taken from the connection, even if the iteration stops early or a search
        fails.
        """
        rows = _rows(queries, "queries")
        if not self._served:
            self.count(collection)  # waits for a server that is starting
        _options_check(options)
        in_flight = max(1, min(arguments.whole(in_flight, "in_flight"), self.requests_max or in_flight))
        waiting: List[int] = []  # ids of requests, oldest first
        answers = {}
        sent = 0
        try:
            while sent < len(rows) or waiting:
                while sent < len(rows) and len(waiting) < in_flight:
                    waiting.append(self._search_start(collection, rows[sent : sent + 1], k, sent, **options))
                    sent += 1
                while waiting[0] not in answers:
                    reply = self._connection.receive()
                    answers[reply.request] = reply
                oldest = answers.pop(waiting.pop(0))
                yield _hits(self._raise(oldest), options)[0]
        finally:
            for request in waiting:
                while request not in answers:
                    reply = self._connection.receive()
                    answers[reply.request] = reply

    def _search_start(
        self,
        collection: str,
        rows: numpy.ndarray,
        k: int,
        first_query: int,
        ef: int = 0,
        exact: bool = False,
        with_vectors: bool = False,
        with_payloads: bool = False,
        deadline_ms: int = 0,
        refine_k: float = 0,
        fan_out: str = "",
        recall: Optional[float] = None,
        filter: Optional[Mapping[str, Any]] = None,
    ) -> int:
        meta = (
            wire.field_bytes(1, arguments.text(collection, "the collection's name"))
            + wire.field_number(2, arguments.whole(k, "k"))
            + wire.field_number(3, arguments.whole(ef, "ef"))
            + wire.field_number(4, arguments.flag(exact, "exact"))
            + wire.field_number(5, arguments.flag(with_vectors, "with_vectors"))
            + wire.field_number(6, arguments.flag(with_payloads, "with_payloads"))
            + wire.field_float(7, arguments.real(refine_k, "refine_k"))
            + wire.field_number(8, _named(FAN_OUTS, fan_out, "fan_out") if arguments.text(fan_out, "fan_out") else 0)
            + wire.field_float(9, 0 if recall is None else arguments.recall(recall))
            + wire.field_number(10, rows.shape[1])
            + wire.field_number(11, first_query)
            + wire.field_bytes(12, filters.message(filter))
        )
        return self._connection.send(wire.OP_SEARCH, meta, memoryview(rows), arguments.whole(deadline_ms, "deadline_ms"))

    # -- requests and answers --

    @staticmethod
    def _raise(reply: Reply) -> Reply:
        if reply.error:
            raise reply.error
        return reply

    def _idle(self) -> None:
        if self._connection.in_flight:
            raise KithError(Code.INVALID_ARGUMENT, "a search_many() is under way: read it to its end or close it first")

    def _call(self, op: int, meta: bytes) -> Reply:
        self._idle()
        return self._patiently(lambda: self._answer(self._connection.send(op, meta)))

    def _patiently(self, request: Callable[[], T]) -> T:
        """Repeats a request while the server refuses it because it is starting. A refused request has
        no effect."""
        began, pause = time.monotonic(), 0.0025
        while True:
            try:
                result = request()
                self._served = True
                return result
            except KithError as e:
                late = self._timeout is not None and time.monotonic() - began >= self._timeout
                if e.code != Code.UNAVAILABLE or not e.retry_after_ms or late:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 0.1)

    def _answer(self, request: int) -> Reply:
        """The answer to the only request in flight. If interrupted (Ctrl-C), the later answer is
        dropped."""
        try:
            return self._raise(self._connection.receive())
        finally:
            self._connection.abandon(request)


def _setting(m: wire.Message) -> Setting:
    source = _name_of(SETTING_SOURCES, m.number(4))
    return Setting(m.text(1), m.text(2), m.text(3), source, m.number(5), m.text(6), m.text(7))


def _snapshot(m: wire.Message) -> Snapshot:
    return Snapshot(m.text(1), bool(m.number(2)), *(m.number(i) for i in range(3, 9)))


def _collection(m: wire.Message) -> Collection:
    return Collection(
        m.text(1),
        m.number(2),
        _name_of(METRICS, m.number(3)),
        _name_of(DURABILITIES, m.number(4)),
        m.number(5),
        m.number(6),
        m.number(7),
        m.text(8),
        _code_text(m.number(9), m.number(10)),
        _name_of(REFINES, m.number(11)),
        m.real(12),
        _name_of(LINKS, m.number(13)),
        m.number(14),
        tuple((f.text(1), f.text(3)) for f in m.messages(16)),
        m.text(17) or "auto",
    )


def _rung(m: wire.Message) -> RecallRung:
    return RecallRung(m.number(1), m.real(2), m.real(3), m.real(4))


def _segment(m: wire.Message) -> Segment:
    return Segment(
        m.number(1),
        m.number(2),
        _name_of(SEGMENT_STATES, m.number(3)),
        bool(m.number(4)),
        *(m.number(i) for i in range(5, 15)),
        _code_text(m.number(15), m.number(16)),
        _name_of(REFINES, m.number(17)),
        m.real(18),
        _name_of(LINKS, m.number(19)),
        m.text(20),
        tuple(map(_rung, m.messages(21))),
        tuple(map(_rung, m.messages(22))),
        next(map(_rung, m.messages(23)), None),
        tuple(map(_rung, m.messages(24))),
        m.text(25) or "auto",
    )


def _is_too_large(error: KithError) -> bool:
    """Whether the request exceeds the server's limit, or its memory without a time for a retry; then
    parts of it may succeed."""
    return error.code == Code.TOO_LARGE or (error.code == Code.RESOURCE_EXHAUSTED and not error.retry_after_ms)


class _Upsert:
    """The requests of one upsert that are in flight."""

    def __init__(self, connection: Connection, collection: str, ids: Sequence[PointId], rows: numpy.ndarray, payloads: Optional[Sequence[Any]]):
        self._connection = connection
        self._collection = collection
        self._ids, self._rows, self._payloads = ids, rows, payloads
        self._parts: Dict[int, Part] = {}  # the part of each request in flight
        self._points_most = len(rows)  # most points of a request
        self.done = 0
        self.failure: Optional[KithError] = None

    def start(self, part: Part) -> None:
        """Sends the part when no request in flight has an id in common with it.

        Meanwhile another request may prove too large. Its halves are sent before this part, so that
        the last row with an id still counts.
        """
        while len(self._parts) >= UPSERTS_IN_FLIGHT or not all(part.ids.isdisjoint(other.ids) for other in self._parts.values()):
            self._receive()
        if self.failure:
            return
        if part.end - part.first > self._points_most:
            self._start_halves(part)
            return
        meta = wire.field_bytes(1, self._collection) + wire.field_bytes(2, _ids_message(self._ids[part.first : part.end]), always=True)
        # so that errors name the row of the caller's array
        meta += part.payload_fields + wire.field_number(5, part.first)
        self._parts[self._connection.send(wire.OP_UPSERT, meta, memoryview(self._rows[part.first : part.end]))] = part

    def _start_halves(self, part: Part) -> None:
        for half in halves(part, self._payloads):
            self.start(half)

    def _receive(self) -> None:
        reply = self._connection.receive()
        part = self._parts.pop(reply.request)
        points = part.end - part.first
        if not reply.error:
            self.done += wire.Message(reply.meta).number(1)
        elif not self.failure and points > 1 and _is_too_large(reply.error):
            self._points_most = min(self._points_most, points // 2)
            self._start_halves(part)
        else:
            self.failure = self.failure or reply.error

    def end(self) -> None:
        """Waits for all answers, also after an exception, so that the connection stays usable."""
        try:
            while self._connection.in_flight:
                self._receive()
        except KithError as e:
            self.failure = self.failure or e
        except BaseException:  # a second Ctrl-C
            for request in list(self._connection.in_flight):
                self._connection.abandon(request)
            raise


class _Columns:
    """A Points message with its block, checked and unpacked."""

    def __init__(self, reply: Reply, with_vectors: bool, with_payloads: bool):
        m = wire.Message(reply.meta)
        high, low = m.column(2, "<u8"), m.column(3, "<u8")
        self.counts = m.varints(1)
        self.scores = m.column(4, "<f4")
        if len(high) not in (0, len(low)) or len(self.scores) not in (0, len(low)):
            raise KithError(Code.PROTOCOL, "the server's answer contradicts itself")
        if len(high):
            self.ids: List[PointId] = [
                l if h == _PREFIX else uuid.UUID(int=h << 64 | l) for h, l in zip(high.tolist(), low.tolist())
            ]
        else:
            self.ids = low.tolist()
        self.vectors = _vectors(reply.block, len(low)) if with_vectors else None
        self.payloads = _payloads(m.raw(5), m.varints(6), len(low)) if with_payloads else None


def _vectors(block: memoryview, n: int) -> numpy.ndarray:
    if n == 0:
        return numpy.zeros((0, 0), dtype="<f4")
    if block.nbytes == 0 or block.nbytes % (4 * n):
        raise KithError(Code.PROTOCOL, "the server's answer contradicts itself")
    return numpy.frombuffer(block, dtype="<f4").reshape(n, -1)


def _payload(data: bytes) -> Any:
    """The JSON value, or the bytes if they are not JSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data


def _payloads(data: memoryview, sizes: List[int], n: int) -> List[Any]:
    if not sizes:
        return [None] * n
    if len(sizes) != n or sum(sizes) != len(data):
        raise KithError(Code.PROTOCOL, "the server's answer contradicts itself")
    out, at = [], 0
    for size in sizes:
        out.append(_payload(bytes(data[at : at + size])) if size else None)
        at += size
    return out


def _hits(reply: Reply, options: dict) -> List[Hits]:
    found = _Columns(reply, bool(options.get("with_vectors")), bool(options.get("with_payloads")))
    if sum(found.counts) != len(found.ids) or len(found.scores) != len(found.ids):
        raise KithError(Code.PROTOCOL, "the server's answer contradicts itself")
    out, at = [], 0
    for count in found.counts:
        part = slice(at, at + count)
        out.append(
            Hits(
                found.ids[part],
                found.scores[part],
                found.vectors[part] if found.vectors is not None else None,
                found.payloads[part] if found.payloads is not None else None,
            )
        )
        at += count
    return out
