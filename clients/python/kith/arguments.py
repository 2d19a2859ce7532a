"""Checks arguments. Each function returns the value as the protocol needs it, or raises KithError with
a sentence that names the argument. So a wrong argument is found before anything is sent."""

import math
import numbers
import re
import reprlib
from typing import Any, Tuple

import numpy

from .errors import Code, KithError

U32_MAX = 2**32 - 1
U64_MAX = 2**64 - 1
F32_MAX = 3.4028234663852886e38


def wrong(what: str, wanted: str, value: Any) -> KithError:
    shown = reprlib.repr(value) if isinstance(value, (str, bytes, int, float, type(None))) else type(value).__name__
    return KithError(Code.INVALID_ARGUMENT, f"{what} should be {wanted}, not {shown}")


def text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise wrong(what, "a text (str)", value)
    return value


def whole(value: Any, what: str, least: int = 0, most: int = U32_MAX) -> int:
    if isinstance(value, (bool, numpy.bool_)) or not isinstance(value, numbers.Integral) or not least <= value <= most:
        raise wrong(what, f"a whole number from {least} to {most}", value)
    return int(value)


def address(host: Any, port: Any) -> Tuple[str, int]:
    """Parses host, which may be "HOST:PORT" or "[HOST]:PORT"; a separate port must then be the same."""
    found = re.fullmatch(r"\[([^]]*)\](?::([0-9]{1,5}))?|([^:]*):([0-9]{1,5})", text(host, "host"))
    port = None if port is None else whole(port, "port", 1, 65535)
    if found:
        host = found[1] if found[1] is not None else found[3]
        inside = found[2] or found[4]
        inside = None if inside is None else whole(int(inside), "the port in host", 1, 65535)
        if None not in (inside, port) and inside != port:
            raise wrong("port", f"{inside}, as host says, or left out", port)
        port = port if inside is None else inside
    return host, 7700 if port is None else port


def recall(value: Any) -> float:
    if not isinstance(value, numbers.Real) or isinstance(value, (bool, numpy.bool_)) or not 0 < value <= 1:
        raise wrong("recall", "above 0 and at most 1, which is exact", value)
    return float(value)


def real(value: Any, what: str) -> float:
    fits = isinstance(value, numbers.Real) and not isinstance(value, (bool, numpy.bool_))
    if not fits or not (math.isfinite(value) if isinstance(value, float) else True) or not -F32_MAX <= value <= F32_MAX:
        raise wrong(what, "a number", value)
    return float(value)


def flag(value: Any, what: str) -> bool:
    if not isinstance(value, (bool, numpy.bool_)) and not (isinstance(value, numbers.Integral) and value in (0, 1)):
        raise wrong(what, "True or False", value)
    return bool(value)
