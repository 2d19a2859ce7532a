"""Cuts an upsert of any size into requests.

The server gives requests in flight together no order. Two requests with an id in common are therefore never in flight at once:
`Part.ids` is what a request is compared by, and is empty when no id occurs twice.
"""

import json
from typing import Any, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence

import numpy

from . import wire
from .errors import Code, KithError
from .results import PointId

REQUEST_BYTES = 4 << 20  # of vectors and payloads; a point that is larger goes alone


class Part(NamedTuple):
    first: int  # row of the caller's arrays
    end: int
    payload_fields: bytes  # of the Upsert message
    ids: FrozenSet[PointId]


def payload_bytes(payload: Optional[Any]) -> bytes:
    """None is no payload, bytes are taken as they are, everything else becomes JSON."""
    if payload is None:
        return b""
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return bytes(payload)
    try:
        return json.dumps(payload, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which UTF-8 cannot have and an escape can
        return json.dumps(payload, separators=(",", ":"), allow_nan=False).encode()


def _distinct(ids: Sequence[PointId]) -> bool:
    if isinstance(ids, range):
        return True
    if isinstance(ids, numpy.ndarray) and ids.dtype.kind in "iu":
        return len(numpy.unique(ids)) == len(ids)
    try:
        return len(set(ids)) == len(ids)
    except TypeError:  # not even hashable: whoever writes the ids says what is wrong with them
        return True


def _payload_at(payloads: Sequence[Any], i: int) -> bytes:
    try:
        return payload_bytes(payloads[i])
    except (TypeError, ValueError, RecursionError) as e:
        raise KithError(Code.INVALID_ARGUMENT, f"payload {i} cannot be written as JSON: {e}") from e


def _payload_fields(texts: List[bytes]) -> bytes:
    return wire.field_bytes(3, b"".join(texts)) + wire.field_varints(4, [len(t) for t in texts])


def parts(ids: Sequence[PointId], vector_bytes: int, payloads: Optional[Sequence[Any]]) -> Iterator[Part]:
    """The requests for these points, in their order. Payloads are written as each part is asked for."""
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
                texts.pop()  # written again at the head of the next part
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
