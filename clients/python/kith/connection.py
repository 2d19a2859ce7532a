"""A socket and the frames on it."""

import contextlib
import selectors
import socket
import time
from typing import Dict, Iterator, NamedTuple, Optional, Set

from . import wire
from .errors import Code, KithError

REPLY_BYTES_MAX = 1 << 30
REFUSED_WAIT_S = 5.0  # covers the time from exec() of a server to its listen()
META_BYTES_MAX = 64 << 20  # limit of a request
# select() fails above descriptor 1023
Selector = getattr(selectors, "PollSelector", selectors.DefaultSelector)


class Reply(NamedTuple):
    request: int
    op: int
    meta: memoryview
    block: memoryview
    error: Optional[KithError]


def _error(code: int, meta: wire.Message) -> KithError:
    return KithError(code, meta.text(1) or "the server gave no reason", meta.number(2) or None)


def _connect(host: str, port: int, timeout: Optional[float]) -> socket.socket:
    """Connects. Retries for a while if the host refuses the connection, because its server may be
    starting."""
    until = time.monotonic() + (REFUSED_WAIT_S if timeout is None else min(timeout, REFUSED_WAIT_S))
    while True:
        try:
            return socket.create_connection((host, port), timeout)
        except ConnectionRefusedError:
            if time.monotonic() >= until:
                raise KithError(Code.REFUSED, f"no server listens at {host} port {port}: is kithd running?") from None
        except (OSError, UnicodeError) as e:  # UnicodeError: not a valid host name
            raise KithError(Code.REFUSED, f"cannot connect to {host} port {port}: {e}") from None
        time.sleep(0.02)


class Connection:
    """Sends and receives frames; one thread at a time. After a failure it is closed, and every call
    raises that failure."""

    def __init__(self, host: str, port: int, timeout: Optional[float]):
        self._broken: Optional[KithError] = None
        self._next_request = 1
        self._in = bytearray()
        self.in_flight: Dict[int, int] = {}  # request id: operation
        self._abandoned: Set[int] = set()  # requests whose answers are dropped
        self.frame_bytes_max = 4096
        self._socket = _connect(host, port, timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._timeout = timeout
        self._selector = Selector()
        self._selector.register(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def close(self) -> None:
        self._close()
        if self._broken is None:
            self._broken = KithError(Code.DISCONNECTED, "the connection is closed")

    def _close(self) -> None:
        self._selector.close()
        self._socket.close()

    @contextlib.contextmanager
    def patience(self) -> Iterator[None]:
        """Inside this context the server may stay silent for any time, for work that takes minutes."""
        self._socket.settimeout(None)
        try:
            yield
        finally:
            if self._broken is None:
                self._socket.settimeout(self._timeout)

    def fail(self, code: Code, text: str) -> KithError:
        self._broken = KithError(code, text)
        self.in_flight.clear()
        self._close()
        return self._broken

    def send(self, op: int, meta: bytes, block: Optional[memoryview] = None, word: int = 0) -> int:
        """Sends a request and returns its id. Reads what the server sends meanwhile, so that neither
        side waits for the other."""
        if self._broken:
            raise self._broken
        block_bytes = block.nbytes if block is not None else 0
        request = self._next_request
        head = wire.frame_head(op, request, meta, block_bytes, word)
        if len(head) + block_bytes > self.frame_bytes_max or len(meta) > META_BYTES_MAX:
            raise KithError(
                Code.INVALID_ARGUMENT,
                f"the request has {len(head) + block_bytes} bytes, {len(meta)} of them ids and payloads; the server takes "
                f"{self.frame_bytes_max} and {META_BYTES_MAX}: send fewer points at once, or smaller ones",
            )
        self._next_request += 1
        self.in_flight[request] = op
        try:
            self._send_all(memoryview(head))
            if block is not None and block_bytes:
                self._send_all(block.cast("B"))
        except KithError:
            raise
        # Ctrl-C, for example: half a frame was sent, and no other frame can follow
        except BaseException:
            self.fail(Code.DISCONNECTED, "a request was interrupted while it was being sent")
            raise
        return request

    def abandon(self, request: int) -> None:
        """If the request is still in flight, its answer will be dropped."""
        if self.in_flight.pop(request, None) is not None:
            self._abandoned.add(request)

    def _send_all(self, data: memoryview) -> None:
        try:
            while data:
                ready = self._selector.select(self._timeout)
                if not ready:
                    raise self.fail(Code.DISCONNECTED, "the server takes nothing any more")
                events = ready[0][1]
                if events & selectors.EVENT_READ:
                    self._read()
                if events & selectors.EVENT_WRITE:
                    data = data[self._socket.send(data) :]
        except OSError as e:
            raise self.fail(Code.DISCONNECTED, f"the connection to the server broke: {e}") from None

    def _read(self) -> None:
        try:
            data = self._socket.recv(1 << 20)
        except socket.timeout:
            raise self.fail(Code.DISCONNECTED, "the server does not answer") from None
        except OSError as e:
            raise self.fail(Code.DISCONNECTED, f"the connection to the server broke: {e}") from None
        if not data:
            raise self.fail(Code.DISCONNECTED, "the server closed the connection")
        self._in += data

    def receive(self) -> Reply:
        """Waits for the next reply, to any request."""
        while True:
            reply = self._receive_any()
            if reply.request not in self._abandoned:
                break
            self._abandoned.remove(reply.request)
        asked = self.in_flight.pop(reply.request, None)
        if asked != reply.op:
            if reply.error and reply.request == 0:
                raise self.fail(reply.error.code, str(reply.error))
            raise self.fail(Code.PROTOCOL, "the server answered something that was not asked")
        return reply

    def _receive_any(self) -> Reply:
        while len(self._in) < wire.HEADER.size:
            self._fill()
        magic, op, flags, request, meta_bytes, word, block_bytes = wire.HEADER.unpack_from(self._in)
        if magic != wire.MAGIC or not flags & wire.FLAG_REPLY:
            sentence = "what answers there does not speak Kith's protocol; give the port of kithd --listen (7700), not that of --http (7701)"
            raise self.fail(Code.PROTOCOL, sentence)
        meta_end = wire.HEADER.size + meta_bytes
        start = wire.block_offset(meta_bytes) if block_bytes else meta_end
        end = start + block_bytes
        if end > REPLY_BYTES_MAX:
            raise self.fail(Code.PROTOCOL, "the server announced a reply of more than 1 GiB")
        while len(self._in) < end:
            self._fill()
        frame = bytes(memoryview(self._in)[:end])
        del self._in[:end]
        view = memoryview(frame)
        meta, block = view[wire.HEADER.size : meta_end], view[start:end]
        error = _error(word, wire.Message(meta)) if flags & wire.FLAG_ERROR else None
        return Reply(request, op, meta, block, error)

    def _fill(self) -> None:
        if self._broken:
            raise self._broken
        self._read()
