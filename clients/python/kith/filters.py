"""The filter of a search: a condition on indexed payload fields that hits must meet.

A filter is a dict from paths of fields to tests. A point must pass all of them:

  {"year": {"gte": 1990, "lt": 2000}, "rating": [4, 5], "city": "Rome", "deleted": {"not": 1}, "note": {"empty": True}}

A number, a text, True or False: the field equals it. A list: the field equals one of them. A dict
of gt, gte, lt, lte: the field is in that range. None: the field is null. {"empty": True}: the field
is missing, null or []. {"not": test}: the field does not pass the test.
"""

import numbers
import struct
from typing import Any, Mapping, Optional

from . import wire
from .errors import Code, KithError

BOUNDS = {"gt": 1, "gte": 2, "lt": 3, "lte": 4}


def _refuse(field: str, test: Any) -> KithError:
    return KithError(
        Code.INVALID_ARGUMENT,
        f"the filter on field {field!r} is {test!r}: give a number (a whole one has at most 64 bits), a text, a bool, "
        'a list of them, a dict of gt, gte, lt, lte, None, {"empty": True} or {"not": ...}',
    )


def _whole(field: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not -(1 << 63) <= int(value) < 1 << 63:
        raise _refuse(field, value)
    return int(value) & 0xFFFFFFFFFFFFFFFF


def _number(field: str, value: Any) -> bytes:
    """A Number. Its field is written even if it is 0, because it also gives the kind of number."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return wire.varint(1 << 3) + wire.varint(_whole(field, value))
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return wire.varint(2 << 3 | 1) + struct.pack("<d", float(value))
    raise _refuse(field, value)


def _range(field: str, test: Mapping[str, Any]) -> bytes:
    if not test or not set(test) <= set(BOUNDS):
        raise _refuse(field, test)
    bounds = b"".join(wire.field_bytes(BOUNDS[name], _number(field, value), True) for name, value in test.items())
    return wire.field_bytes(3, bounds, True)


def _test(field: str, test: Any) -> bytes:
    if test is None:
        return wire.field_number(4, 1)
    if isinstance(test, Mapping):
        return wire.field_number(5, 1) if dict(test) == {"empty": True} else _range(field, test)
    values = [test] if isinstance(test, (numbers.Real, str)) else test
    if not isinstance(values, (list, tuple, set, range)):
        raise _refuse(field, test)
    return wire.field_bytes(2, _match(field, list(values)), True)


def _match(field: str, values: list) -> bytes:
    """A Match: its values by types. A bool is a number for Python, and is none in JSON."""
    booleans = [v for v in values if isinstance(v, bool)]
    whole = [v for v in values if isinstance(v, numbers.Integral) and not isinstance(v, bool)]
    reals = [v for v in values if isinstance(v, numbers.Real) and not isinstance(v, numbers.Integral)]
    texts = [v for v in values if isinstance(v, str)]
    if len(booleans) + len(whole) + len(reals) + len(texts) != len(values):
        raise _refuse(field, values)
    return (
        wire.field_varints(1, [_whole(field, v) for v in whole])
        + wire.field_bytes(2, b"".join(struct.pack("<d", float(v)) for v in reals))
        + wire.field_varints(3, [int(v) for v in booleans])
        + b"".join(wire.field_bytes(4, v, True) for v in texts)
    )


def message(conditions: Optional[Mapping[str, Any]]) -> bytes:
    """The Filter message; empty without conditions."""
    if conditions is not None and not isinstance(conditions, Mapping):
        raise KithError(Code.INVALID_ARGUMENT, f"the filter is {conditions!r}: give a dict from fields to what they must be like")
    out = b""
    for field, test in (conditions or {}).items():
        if not isinstance(field, str):
            raise KithError(Code.INVALID_ARGUMENT, f"the filter names field {field!r}, which is no text")
        clause = 1
        while isinstance(test, Mapping) and set(test) == {"not"}:
            clause, test = 3 - clause, test["not"]
        out += wire.field_bytes(clause, wire.field_bytes(1, field) + _test(field, test))
    return out
