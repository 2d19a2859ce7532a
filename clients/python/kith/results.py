"""The classes that the client returns."""

import dataclasses
import uuid
from typing import Any, Iterator, List, Optional, Tuple, Union, overload

import numpy

PointId = Union[int, uuid.UUID]


@dataclasses.dataclass(frozen=True)
class Collection:
    """The settings of a collection."""

    name: str
    dim: int
    metric: str  # "l2", "ip" or "cosine"
    durability: str = "flush"  # "flush", "interval" or "none"
    m: int = 0
    ef_construct: int = 0
    slots: int = 0
    damage: str = ""  # in lists: why the collection is not served; empty: it is
    code: str = "auto"  # "f32", "f16", "bf16", "sq8", "sq4", "rabitq1" to "rabitq8"
    refine: str = "auto"  # "none", "f32", "f16", "bf16"
    refine_k: float = 0  # candidates to score again, as a multiple of k; 0: by the code
    links: str = "auto"  # "plain", "packed"
    schema_version: int = 0  # 1 at first; each change of the fields adds 1
    fields: Tuple[Tuple[str, str], ...] = ()  # path and kind of each indexed field; not in lists
    index: str = "auto"  # "hnsw", "flat"


@dataclasses.dataclass(frozen=True)
class RecallRung:
    """A measurement of a sealed segment, with left-out rows as queries."""

    ef: int
    recall: float  # mean
    floor: float  # recall minus three standard errors; searches use this value
    distances: float  # distances computed for a query


@dataclasses.dataclass(frozen=True)
class Segment:
    """One segment of a collection, with exact counts. There are rows - deleted_rows alive rows."""

    id: int  # 0: not sealed yet
    reactor: int  # the reactor that searches it
    state: str  # "growing", "frozen" or "sealed"
    merging: bool
    rows: int
    deleted_rows: int
    tombstones: int
    vector_bytes: int
    payload_bytes: int
    index_bytes: int
    memory_bytes: int
    disk_bytes: int
    # of a sealed segment: the options of its index; 0 and "auto" otherwise
    m: int = 0
    ef_construct: int = 0
    code: str = "auto"
    refine: str = "auto"
    refine_k: float = 0
    links: str = "auto"
    why: str = ""  # each chosen option with its reason
    # recall@10 by ef; empty in segments of few rows, which are scanned
    recall_10: Tuple[RecallRung, ...] = ()
    recall_100: Tuple[RecallRung, ...] = ()
    recall_scan: Optional[RecallRung] = None  # recall@10 of a scan of all codes; ef is the number of rows
    recall_10_early: Tuple[RecallRung, ...] = ()  # recall@10 by ef of walks that may end early
    index: str = "auto"  # of a sealed segment: its index kind


@dataclasses.dataclass(frozen=True)
class CollectionInfo:
    """The settings and state of a collection."""

    collection: Collection
    points: int
    growing_rows: int
    growing_graphed: int
    sealed_segments: int
    sealed_rows: int
    sealed_dead_rows: int
    disk_bytes: int
    memory_bytes: int
    segments: List[Segment] = dataclasses.field(default_factory=list)  # only if requested
    read_only: str = ""  # why writes are refused; empty: they are accepted
    growing_dead_rows: int = 0  # deleted or replaced rows; growing_rows counts alive ones


@dataclasses.dataclass(frozen=True)
class Damage:
    """A place on the server's disk where a checksum does not match."""

    file: str  # in the data folder
    region: str  # of the file; may be empty
    offset: int
    what: str


@dataclasses.dataclass(frozen=True)
class Verified:
    """The files that a check has read so far, and the damage that it found."""

    files: int
    bytes: int
    bytes_total: int
    damages: List[Damage]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A snapshot of all data."""

    name: str
    damaged: bool  # it cannot be read, and the fields below are unknown
    created_ns: int  # nanoseconds since 1970
    collections: int
    segments: int
    # rows in sealed segments, including deleted ones; rows that are only in the logs are not
    # counted
    segment_rows: int
    log_bytes: int
    bytes: int


@dataclasses.dataclass(frozen=True)
class Setting:
    """A value that can be changed while the server runs."""

    name: str  # like "search.ef"
    value: str  # like "200", "8GiB", "auto"
    standard: str  # the default value
    # "default", "set" (by a client, beyond a restart) or "option" (of the server's command line)
    source: str
    number: int  # the value as a number: bytes of a size, the number of a choice, 0 for a word
    allowed: str  # like "auto, or 1 to 10000"
    what: str  # what the setting does


@dataclasses.dataclass(frozen=True)
class Point:
    """A stored point. `vector` and `payload` are None unless requested; a point may also have no
    payload."""

    id: PointId
    vector: Optional[numpy.ndarray] = None
    payload: Optional[Any] = None


@dataclasses.dataclass(frozen=True, eq=False)
class Hits:
    """The answer to one query, nearest first.

    `scores` is a float32 array: for l2 the squared distance, for ip the inner product, for cosine
    the similarity. `ids` is a list of int and uuid.UUID; `numbers` has the same ids as a uint64
    array if all are numbers.

    Hits are also a sequence of (id, score) pairs: `for id, score in hits`, `hits[0]`, `hits[:3]`,
    `len(hits)`.
    """

    ids: List[PointId]
    scores: numpy.ndarray
    vectors: Optional[numpy.ndarray] = None
    payloads: Optional[List[Any]] = None

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Tuple[PointId, float]]:
        return zip(self.ids, self.scores.tolist())

    @overload
    def __getitem__(self, i: int) -> Tuple[PointId, float]: ...

    @overload
    def __getitem__(self, i: slice) -> List[Tuple[PointId, float]]: ...

    def __getitem__(self, i: Union[int, slice]) -> Any:
        if isinstance(i, slice):
            return list(zip(self.ids[i], self.scores[i].tolist()))
        return self.ids[i], float(self.scores[i])

    @property
    def numbers(self) -> numpy.ndarray:
        """The ids as a uint64 array. Raises TypeError if one is a UUID."""
        if any(isinstance(i, uuid.UUID) for i in self.ids):
            raise TypeError("some of these ids are UUIDs")
        return numpy.array(self.ids, dtype=numpy.uint64)
