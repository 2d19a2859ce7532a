"""What the client returns."""

import dataclasses
import uuid
from typing import Any, Iterator, List, Optional, Tuple, Union, overload

import numpy

PointId = Union[int, uuid.UUID]


@dataclasses.dataclass(frozen=True)
class Collection:
    """A collection's settings."""

    name: str
    dim: int
    metric: str  # "l2", "ip" or "cosine"
    durability: str = "flush"  # "flush", "interval" or "none"
    m: int = 0
    ef_construct: int = 0
    slots: int = 0
    damage: str = ""  # in lists: why nothing of it is served; empty: all is well
    code: str = "auto"  # "f32", "f16", "bf16", "sq8", "sq4", "rabitq1" to "rabitq8"
    refine: str = "auto"  # "none", "f32", "f16", "bf16"
    refine_k: float = 0  # candidates scored again, as a multiple of k; 0: by the code
    links: str = "auto"  # "plain", "packed"
    schema_version: int = 0  # from 1 on; each change of the fields adds 1
    fields: Tuple[Tuple[str, str], ...] = ()  # path and kind of each indexed field; not in lists
    index: str = "auto"  # "hnsw", "flat"


@dataclasses.dataclass(frozen=True)
class RecallRung:
    """What a sealed segment measured of itself, with rows that were left out as queries."""

    ef: int
    recall: float  # mean
    floor: float  # that, less three standard errors: what searches go by
    distances: float  # computed a query


@dataclasses.dataclass(frozen=True)
class Segment:
    """One segment of a collection, counted exactly; live rows are rows - deleted_rows."""

    id: int  # 0: not sealed yet
    reactor: int  # the core that searches it
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
    # of a sealed segment: the index as it is; 0 and "auto" otherwise
    m: int = 0
    ef_construct: int = 0
    code: str = "auto"
    refine: str = "auto"
    refine_k: float = 0
    links: str = "auto"
    why: str = ""  # each choice and its reason
    recall_10: Tuple[RecallRung, ...] = ()  # recall@10 by ef; empty in segments of few rows, which are scanned
    recall_100: Tuple[RecallRung, ...] = ()
    recall_scan: Optional[RecallRung] = None  # recall@10 of a scan of all codes; ef is the number of rows
    recall_10_early: Tuple[RecallRung, ...] = ()  # recall@10 by ef of walks that end early, where they are sure enough
    index: str = "auto"  # of a sealed segment: the kind of its index


@dataclasses.dataclass(frozen=True)
class CollectionInfo:
    """A collection's settings and state."""

    collection: Collection
    points: int
    growing_rows: int
    growing_graphed: int
    sealed_segments: int
    sealed_rows: int
    sealed_dead_rows: int
    disk_bytes: int
    memory_bytes: int
    segments: List[Segment] = dataclasses.field(default_factory=list)  # when asked for
    read_only: str = ""  # why writes are refused; empty: they are not
    growing_dead_rows: int = 0  # deleted or replaced; growing_rows are alive


@dataclasses.dataclass(frozen=True)
class Damage:
    """A place on the server's disk where a checksum does not match."""

    file: str  # in the data folder
    region: str  # of the file; may be empty
    offset: int
    what: str


@dataclasses.dataclass(frozen=True)
class Verified:
    """What a check has looked at so far, and what it has found."""

    files: int
    bytes: int
    bytes_total: int
    damages: List[Damage]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A state of everything the server held."""

    name: str
    damaged: bool  # it cannot be read, and nothing below is known
    created_ns: int  # since 1970
    collections: int
    segments: int
    segment_rows: int  # in sealed segments, deleted ones too; what is only in the logs is not counted
    log_bytes: int
    bytes: int


@dataclasses.dataclass(frozen=True)
class Setting:
    """Something that can be tuned while the server runs."""

    name: str  # "search.ef"
    value: str  # "200", "8GiB", "auto"
    standard: str  # what it is when nobody has set it
    source: str  # "default", "set" (by a client; it outlives a restart) or "option" (of the server's command line)
    number: int  # the value: bytes of a size, of a choice its own number, 0 for a word
    allowed: str  # "auto, or 1 to 10000"
    what: str  # it does


@dataclasses.dataclass(frozen=True)
class Point:
    """A stored point; `vector` and `payload` are None unless asked for (a point may also have no payload)."""

    id: PointId
    vector: Optional[numpy.ndarray] = None
    payload: Optional[Any] = None


@dataclasses.dataclass(frozen=True, eq=False)
class Hits:
    """The answer to one query, nearest first.

    `scores` is a float32 array: l2 the squared distance, ip the inner product, cosine the similarity. `ids` is a list of int
    and uuid.UUID; `numbers` is the same as a uint64 array when all are numbers.

    Hits are also a sequence of (id, score) pairs: `for id, score in hits`, `hits[0]`, `hits[:3]`, `len(hits)`.
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
        """The ids as a uint64 array; TypeError when one is a UUID."""
        if any(isinstance(i, uuid.UUID) for i in self.ids):
            raise TypeError("some of these ids are UUIDs")
        return numpy.array(self.ids, dtype=numpy.uint64)
