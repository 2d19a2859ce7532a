"""Divides an upsert of any size into requests.

The server may carry out requests that are in flight together in any order. So two requests with an
id in common are never in flight together. `Part.ids` has the ids to compare; it is empty when no id
occurs twice.
"""

import json
from typing import Any, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence

import numpy

from . import wire
from .errors import Code, KithError
from .results import PointId

REQUEST_BYTES = 4 << 20  # of vectors and payloads; a larger point is sent alone


class Part(NamedTuple):
    first: int  # first row in the caller's arrays
    end: int
    payload_fields: bytes  # encoded fields of the Upsert message
    ids: FrozenSet[PointId]


def payload_bytes(payload: Optional[Any]) -> bytes:
    """Encodes a payload: None is no payload, bytes stay as they are, other values become JSON."""
    if payload is None:
        return b""
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return bytes(payload)
    try:
        return json.dumps(payload, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    # half of a surrogate pair, which UTF-8 cannot encode but an escape can
    except UnicodeEncodeError:
        return json.dumps(payload, separators=(",", ":"), allow_nan=False).encode()


def _distinct(ids: Sequence[PointId]) -> bool:
    if isinstance(ids, range):
        return True
    if isinstance(ids, numpy.ndarray) and ids.dtype.kind in "iu":
        return len(numpy.unique(ids)) == len(ids)
    try:
        return len(set(ids)) == len(ids)
    except TypeError:  # not hashable; the code that encodes ids reports the error
        return True


def _payload_at(payloads: Sequence[Any], i: int) -> bytes:
    try:
        return payload_bytes(payloads[i])
    except (TypeError, ValueError, RecursionError) as e:
        raise KithError(Code.INVALID_ARGUMENT, f"payload {i} cannot be written as JSON: {e}") from e


def _payload_fields(texts: List[bytes]) -> bytes:
    return wire.field_bytes(3, b"".join(texts)) + wire.field_varints(4, [len(t) for t in texts])


def parts(ids: Sequence[PointId], vector_bytes: int, payloads: Optional[Sequence[Any]]) -> Iterator[Part]:
    """The requests for these points, in their order. Payloads are encoded when a part is requested."""
    distinct = _distinct(ids)
    room = max(1, REQUEST_BYTES // vector_bytes)  # points without payloads
    first = 0
    while first < len(ids):
        end = min(first + room, len(ids))
        fields = b""
        if payloads is not None:
            texts: List[bytes] = []
            size = 0
            while first + len(texts) < end and (not texts or size < REQUEST_BYTES):
                texts.append(_payload_at(payloads, first + len(texts)))
                size += vector_bytes + len(texts[-1])
            if len(texts) > 1 and size > REQUEST_BYTES:
                texts.pop()  # encoded again as the first of the next part
            end = first + len(texts)
            fields = _payload_fields(texts)
        yield Part(first, end, fields, frozenset() if distinct else frozenset(ids[first:end]))
        first = end


def halves(part: Part, payloads: Optional[Sequence[Any]]) -> Iterator[Part]:
    """The same points in two requests, the first half first."""
    middle = (part.first + part.end) // 2
    for first, end in ((part.first, middle), (middle, part.end)):
        fields = b"" if payloads is None else _payload_fields([_payload_at(payloads, i) for i in range(first, end)])
        yield Part(first, end, fields, part.ids)
