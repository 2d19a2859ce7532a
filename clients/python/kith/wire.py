"""Reads and writes the protocol buffers of kith.proto by hand, and the frame around them.

The wire format is that of https://protobuf.dev/programming-guides/encoding. A message is a sequence
of fields, each a key (number << 3 | type) and a value. Type 0 is a varint, 1 eight bytes, 2 a
length and that many bytes, 5 four bytes. Packed columns of fixed size are NumPy arrays here, so
that a large answer needs no loop over its elements.
"""

import struct
from typing import Dict, Iterable, List, Tuple, Union

import numpy

from .errors import Code, KithError

MAGIC = 0x4854494B  # the bytes K I T H
HEADER = struct.Struct("<IHHQIIQ")
BLOCK_ALIGN = 64
FLAG_REPLY = 1
FLAG_ERROR = 2
VERSION = 1

OP_HELLO, OP_PING, OP_CREATE, OP_DROP, OP_LIST, OP_INFO = 1, 2, 3, 4, 5, 6
OP_UPSERT, OP_DELETE, OP_GET, OP_COUNT, OP_SEARCH, OP_CANCEL = 7, 8, 9, 10, 11, 12
OP_SEAL, OP_COMPACT, OP_VERIFY = 13, 14, 15
OP_SNAPSHOT_CREATE, OP_SNAPSHOT_LIST, OP_SNAPSHOT_VERIFY, OP_SNAPSHOT_RESTORE, OP_SNAPSHOT_DELETE = 16, 17, 18, 19, 20
OP_STATS, OP_CONFIG_GET, OP_CONFIG_SET, OP_SCHEMA_CHANGE = 21, 22, 23, 24

Value = Union[int, bytes]


def varint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def field_number(number: int, value: int) -> bytes:
    """A varint field; empty for 0, the default."""
    if not 0 <= value < 1 << 64:
        raise KithError(Code.INVALID_ARGUMENT, f"{value} is no number from 0 to 2**64 - 1")
    return varint(number << 3) + varint(value) if value else b""


def field_float(number: int, value: float) -> bytes:
    """A float of four bytes; empty for 0, the default."""
    return varint(number << 3 | 5) + struct.pack("<f", value) if value else b""


def field_bytes(number: int, value: Union[bytes, bytearray, memoryview, str], always: bool = False) -> bytes:
    """Bytes, text or an inner message; empty for an empty value, unless `always`."""
    if isinstance(value, str):
        if "\0" in value:  # the server would read only the text before it
            raise KithError(Code.INVALID_ARGUMENT, f"{value!r} has a character of number 0")
        value = value.encode(errors="replace")
    return varint(number << 3 | 2) + varint(len(value)) + bytes(value) if value or always else b""


def field_varints(number: int, values: Iterable[int]) -> bytes:
    return field_bytes(number, b"".join(varint(v) for v in values))


def _bad() -> KithError:
    return KithError(Code.PROTOCOL, "the server's answer cannot be read")


def read_varint(data: memoryview, at: int) -> Tuple[int, int]:
    result = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise _bad()
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFFFFFFFFFFFFFF, at
        shift += 7


def parse(data: memoryview) -> Dict[int, List[Union[int, memoryview]]]:
    """The fields of a message by number, each with all its values in order."""
    fields: Dict[int, List[Union[int, memoryview]]] = {}
    at = 0
    value: Union[int, memoryview]
    while at < len(data):
        key, at = read_varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = read_varint(data, at)
        elif kind in (1, 2, 5):
            size = 8 if kind == 1 else 4
            if kind == 2:
                size, at = read_varint(data, at)
            if at + size > len(data):
                raise _bad()
            value = data[at : at + size]
            at += size
        else:
            raise _bad()
        fields.setdefault(key >> 3, []).append(value)
    return fields


class Message:
    """A parsed message: fields by number, with proto3's defaults for missing ones."""

    def __init__(self, data: Union[bytes, memoryview]):
        self._fields = parse(memoryview(data))

    def number(self, number: int) -> int:
        value = self._fields.get(number, [0])[-1]
        if not isinstance(value, int):
            raise _bad()
        return value

    def raw(self, number: int) -> memoryview:
        value = self._fields.get(number, [memoryview(b"")])[-1]
        if isinstance(value, int):
            raise _bad()
        return value

    def real(self, number: int) -> float:
        """A float of four bytes."""
        value = self._fields.get(number, [memoryview(bytes(4))])[-1]
        if isinstance(value, int) or len(value) != 4:
            raise _bad()
        return float(struct.unpack("<f", value)[0])

    def text(self, number: int) -> str:
        return bytes(self.raw(number)).decode(errors="replace")

    def messages(self, number: int) -> List["Message"]:
        values = self._fields.get(number, [])
        if any(isinstance(v, int) for v in values):
            raise _bad()
        return [Message(v) for v in values]  # type: ignore[arg-type]

    def column(self, number: int, dtype: str) -> numpy.ndarray:
        """A repeated field of fixed size, packed or not."""
        data = b"".join(bytes(v) for v in self._fields.get(number, []) if not isinstance(v, int))
        if len(data) % numpy.dtype(dtype).itemsize:
            raise _bad()
        return numpy.frombuffer(data, dtype=dtype)

    def varints(self, number: int) -> List[int]:
        """A repeated varint field, packed or not."""
        out: List[int] = []
        for value in self._fields.get(number, []):
            if isinstance(value, int):
                out.append(value)
                continue
            at = 0
            while at < len(value):
                n, at = read_varint(value, at)
                out.append(n)
        return out


def frame_head(op: int, request: int, meta: bytes, block_bytes: int, word: int = 0, flags: int = 0) -> bytes:
    """The frame up to its block."""
    head = HEADER.pack(MAGIC, op, flags, request, len(meta), word, block_bytes) + meta
    return head + bytes(-len(head) % BLOCK_ALIGN) if block_bytes else head


def block_offset(meta_bytes: int) -> int:
    end = HEADER.size + meta_bytes
    return end + -end % BLOCK_ALIGN
