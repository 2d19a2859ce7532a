"""Errors: a code and a sentence."""

import enum
from typing import Optional


class Code(enum.IntEnum):
    """The codes of the server, and three of the client (from 100 on)."""

    OK = 0
    INVALID_ARGUMENT = 1
    NOT_FOUND = 2
    ALREADY_EXISTS = 3
    DEADLINE_EXCEEDED = 4
    CANCELLED = 5
    RESOURCE_EXHAUSTED = 6
    UNAVAILABLE = 7
    PROTOCOL = 8
    VERSION = 9
    CORRUPT = 10
    IO = 11
    INTERNAL = 12
    TOO_LARGE = 13
    UNIMPLEMENTED = 14
    CONFLICT = 15
    PERMISSION_DENIED = 16
    DISCONNECTED = 100
    REFUSED = 102


class KithError(Exception):
    """A request failed. `code` is a Code; the text says what happened and what to do.

    `retry_after_ms`: when a busy server expects to have time, in ms from now; None: unknown.
    """

    def __init__(self, code: int, text: str, retry_after_ms: Optional[int] = None):
        super().__init__(text)
        self.retry_after_ms = retry_after_ms
        try:
            self.code = Code(code)
        except ValueError:
            self.code = Code.INTERNAL

    def __repr__(self) -> str:
        return f"KithError({self.code.name}, {str(self)!r})"
